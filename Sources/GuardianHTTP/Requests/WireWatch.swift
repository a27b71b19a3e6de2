import GuardianCore
import NIOCore
import NIOHTTP1

/// One request that an observer has heard of, until its answer.
struct WireWatch: Sendable {
    let observer: any WireObserver
    let operation: Operation
    let method: String
    let path: String
    let begun: ContinuousClock.Instant

    func answered(_ answer: IncomingAnswer) {
        let passed = (ContinuousClock.now - begun).components
        let message = WireMessage(
            method: method, path: path, headers: answer.headers.map { ($0.name, $0.value) }, body: String(buffer: answer.body))
        observer.answered(
            message, status: Int(answer.status.code), afterMs: passed.seconds * 1000 + passed.attoseconds / 1_000_000_000_000_000,
            to: operation)
    }
}

extension HTTPTransport {
    /// Tells the observer, when there is one that listens, what is about to be sent.
    func watch(_ request: OutgoingRequest, _ draft: Draft, _ operation: Operation) -> WireWatch? {
        guard let observer = configuration.observer, observer.isListening else { return nil }
        let path = String(request.url.dropFirst(origin.text.count))
        observer.sent(
            WireMessage(
                method: request.method.rawValue, path: path, headers: request.headers.map { ($0.name, $0.value) },
                body: String(buffer: draft.body)), of: operation)
        return WireWatch(observer: observer, operation: operation, method: request.method.rawValue, path: path, begun: .now)
    }
}
