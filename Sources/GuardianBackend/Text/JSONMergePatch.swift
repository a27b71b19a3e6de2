/// RFC 7396: a patch laid over a document. Both are texts that were checked before.
enum JSONMergePatch {
    /// `target` changed by `patch`: members replaced, objects merged, members that are null taken away.
    static func merge(_ patch: [UInt8], into target: [UInt8]) throws(JSONScanner.Fault) -> [UInt8] {
        guard patch.first(where: { !isBlank($0) }) == UInt8(ascii: "{") else { return patch }
        let changes = try JSONObject(patch)
        let isObject = target.first(where: { !isBlank($0) }) == UInt8(ascii: "{")
        let base = try JSONObject(isObject ? target : Array("{}".utf8))
        var json = JSONWriter(capacity: patch.count + target.count)
        json.beginObject()
        var known: Set<String> = []
        for member in base.members where known.insert(member.name).inserted {
            guard let value = base[member.name] else { continue }
            guard let change = changes[member.name] else {
                json.member(member.name, raw: target[value])
                continue
            }
            if isNull(patch, change) { continue }
            json.member(member.name, raw: try merge(Array(patch[change]), into: Array(target[value])))
        }
        for member in changes.members where known.insert(member.name).inserted {
            guard let change = changes[member.name], !isNull(patch, change) else { continue }
            json.member(member.name, raw: try merge(Array(patch[change]), into: Array("null".utf8)))
        }
        json.endObject()
        return json.bytes
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private static func isNull(_ bytes: [UInt8], _ range: Range<Int>) -> Bool { bytes[range.lowerBound] == UInt8(ascii: "n") }
}
