import GuardianCore
import NIOCore
import NIOHTTP1

/// One request that an observer has heard of, until its answer.
struct WireWatch: Sendable {
    let observer: any WireObserver
    /// One, or those of a batch.
    let operations: [Operation]
    let method: String
    let path: String
    let begun: ContinuousClock.Instant

    /// `results` are those of a batch, by key.
    func answered(_ answer: IncomingAnswer, results: [UniqueID: JSONValue]? = nil) {
        let passed = (ContinuousClock.now - begun).components
        let afterMs = passed.seconds * 1000 + passed.attoseconds / 1_000_000_000_000_000
        let whole = WireMessage(
            method: method, path: path, headers: answer.headers.map { ($0.name, $0.value) }, body: String(buffer: answer.body))
        for operation in operations {
            var (message, status) = (whole, Int(answer.status.code))
            if let result = results?[operation.idempotencyKey] {
                message.body = result.text
                if let own = result["status"]?.integer { status = Int(clamping: own) }
            }
            observer.answered(message, status: status, afterMs: afterMs, to: operation)
        }
    }
}

extension HTTPTransport {
    /// Tells the observer, when there is one that listens, what is about to be sent: for each operation its own body.
    func watch(_ request: OutgoingRequest, _ parts: @autoclosure () -> [(operation: Operation, body: ByteBuffer)]) -> WireWatch? {
        guard let observer = configuration.observer, observer.isListening else { return nil }
        let parts = parts()
        let path = String(request.url.dropFirst(origin.text.count))
        var message = WireMessage(
            method: request.method.rawValue, path: path, headers: request.headers.map { ($0.name, $0.value) }, body: "")
        for part in parts {
            message.body = String(buffer: part.body)
            observer.sent(message, of: part.operation)
        }
        return WireWatch(
            observer: observer, operations: parts.map(\.operation), method: message.method, path: path, begun: .now)
    }
}
