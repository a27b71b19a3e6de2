#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Where the keys of a sealed store come from. Asked at opening, and again when a value needs a key that is not known: after a rotation.
public protocol SealKeySource: Sendable {
    /// The keys as they are now. Asked in the middle of reads and writes, so it must be quick and must not use the store. Throws
    /// ``SealError/noKey(_:)`` where none can be had.
    func keyring() throws(SealError) -> SealKeyring
}

/// Keys in a file, as ``SealKeyring/init(reading:)`` takes them. Nobody but its owner should be able to read it.
public struct SealKeyFile: SealKeySource {
    /// Bytes of a key file at most.
    public static let limit = 16 << 10

    /// Read anew each time that the keys are asked for, so that a rotation needs no restart.
    public var path: String

    /// Reads nothing yet: a file that is missing shows when a store is opened with it.
    public init(path: String) { self.path = path }

    public func keyring() throws(SealError) -> SealKeyring {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .noKey("\(path) can't be read (\(String(cString: strerror(errno))))") }
        defer { close(file) }
        var text = [UInt8](repeating: 0, count: Self.limit + 1)
        var count = 0
        while count < text.count {
            let more = text.withUnsafeMutableBytes { read(file, $0.baseAddress?.advanced(by: count), $0.count - count) }
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else {
                Wipe.bytes(&text)
                throw .noKey("\(path) can't be read (\(String(cString: strerror(errno))))")
            }
            if more == 0 { break }
            count += more
        }
        guard count <= Self.limit else {
            Wipe.bytes(&text)
            throw .noKey("\(path) has more than \(Self.limit) bytes")
        }
        // The rest of it is zeros already.
        text.removeLast(text.count - count)
        do throws(SealError) { return try SealKeyring(reading: &text) } catch {
            guard case .noKey(let what) = error else { throw error }
            throw .noKey("\(path): \(what)")
        }
    }
}

/// Keys that are at hand already: from the environment, or from the app.
public struct SealKeysInMemory: SealKeySource {
    private let keys: SealKeyring

    /// They stay as they are: once the store goes by another key, this process is refused.
    public init(_ keys: SealKeyring) { self.keys = keys }

    public func keyring() throws(SealError) -> SealKeyring { keys }
}
