import Foundation
import HTTPTypes
import Hummingbird

/// The fields of a JSON object that a caller sent: each is read by its rule, and one that nobody read is an error. null is as good as
/// left out.
struct Fields {
    private let json: [String: Any]
    private var unread: Set<String>

    init(_ data: Data) throws(BadField) {
        let value: Any
        do { value = try JSONSerialization.jsonObject(with: data) } catch { throw BadField("body", "must be JSON") }
        guard let object = value as? [String: Any] else { throw BadField("body", "must be a JSON object") }
        json = object.filter { !($0.value is NSNull) }
        unread = Set(json.keys)
    }

    func has(_ name: String) -> Bool { json[name] != nil }

    mutating func text(_ name: String) throws(BadField) -> String? {
        guard let value = take(name) else { return nil }
        guard let text = value as? String else { throw BadField(name, "must be a text") }
        return text
    }

    mutating func texts(_ name: String) throws(BadField) -> [String]? {
        guard let value = take(name) else { return nil }
        guard let texts = value as? [String] else { throw BadField(name, "must be a list of texts") }
        return texts
    }

    mutating func whole(_ name: String, in range: ClosedRange<Int>) throws(BadField) -> Int? {
        guard let value = take(name) else { return nil }
        guard let number = value as? NSNumber, let whole = Int(exactly: number.doubleValue), range.contains(whole) else {
            throw BadField(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return whole
    }

    mutating func number(_ name: String, in range: ClosedRange<Double>) throws(BadField) -> Double? {
        guard let value = take(name) else { return nil }
        guard let number = value as? NSNumber, range.contains(number.doubleValue) else {
            throw BadField(name, "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number.doubleValue
    }

    /// To be called when all that is known was read.
    func end() throws(BadField) {
        if let name = unread.min() { throw BadField(name, "is no field of this mode") }
    }

    private mutating func take(_ name: String) -> Any? {
        unread.remove(name)
        return json[name]
    }
}

/// What is wrong with one field of a request to the upstream's own pages. Answered as 400.
struct BadField: Error, HTTPResponseError {
    var field: String
    var constraint: String

    init(_ field: String, _ constraint: String) { (self.field, self.constraint) = (field, constraint) }

    var status: HTTPResponse.Status { .badRequest }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        .error(.badRequest, "BAD_REQUEST", "\(field): \(constraint)")
    }
}
