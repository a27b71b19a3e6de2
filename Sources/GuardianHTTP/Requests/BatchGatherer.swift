import GuardianCore
import NIOCore
import NIOPosix
import Synchronization

/// Brings attempts that begin together into one request. The first to come leads: it waits for others, sends for all, and tells each its
/// own outcome; the others wait for that, or until they are cancelled.
///
/// States of a batch: *open* (takes members) → *closed* (full, or its time is over: the leader sends) → *told*.
final class BatchGatherer: Sendable {
    /// What makes two attempts fit into one request.
    struct Key: Hashable {
        var endpoint: BatchEndpoint
        var token: String?
    }

    /// What the leader has for a member.
    enum Word: Sendable {
        case outcome(Outcome)
        /// To be sent by itself.
        case alone
    }

    enum Role {
        case leader(Int)
        case follower(Int, place: Int)
        /// The endpoint is not there: send alone.
        case alone
    }

    private struct Batch {
        var key: Key
        var members: [HTTPTransport.Attempt]
        var bytes: Int
        var isFull: EventLoopPromise<Void>
        var words: [Word] = []
        var waiting: [Int: CheckedContinuation<Word, Never>] = [:]
        /// Followers who have not asked for their word yet.
        var untold: Set<Int> = []

        /// Takes a follower in; returns its place.
        mutating func add(_ member: HTTPTransport.Attempt) -> Int {
            let place = members.count
            members.append(member)
            untold.insert(place)
            bytes += member.draft.body.readableBytes
            return place
        }
    }

    private struct State {
        var open: [Key: Int] = [:]
        var batches: [Int: Batch] = [:]
        var missing: [String: NIODeadline] = [:]
        var next = 0

        mutating func isThere(_ endpoint: BatchEndpoint) -> Bool {
            guard let until = missing[endpoint.path] else { return true }
            if NIODeadline.now() < until { return false }
            missing[endpoint.path] = nil
            return true
        }

        /// A follower has its word, or wants none any more.
        mutating func leave(_ number: Int, _ place: Int) {
            batches[number]?.untold.remove(place)
            if let batch = batches[number], !batch.words.isEmpty, batch.untold.isEmpty { batches[number] = nil }
        }
    }

    /// How long an endpoint that is not there is not asked again.
    static let missingFor = TimeAmount.seconds(60)

    private let state = Mutex(State())

    func join(_ key: Key, _ member: HTTPTransport.Attempt) -> Role {
        let bytes = member.draft.body.readableBytes
        return state.withLock { state -> Role in
            guard state.isThere(key.endpoint) else { return .alone }
            // Changed where it stands, here and below: a copy of it in hand would have every change copy all of its members.
            if let number = state.open[key], let index = state.batches.index(forKey: number),
                state.batches.values[index].bytes + bytes <= BatchEndpoint.bytes
            {
                let place = state.batches.values[index].add(member)
                if place + 1 >= key.endpoint.size {
                    state.open[key] = nil
                    state.batches.values[index].isFull.succeed()
                }
                return .follower(number, place: place)
            }
            if let number = state.open.removeValue(forKey: key) { state.batches[number]?.isFull.succeed() }
            guard bytes <= BatchEndpoint.bytes else { return .alone }
            state.next += 1
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            let isFull = loop.makePromise(of: Void.self)
            loop.scheduleTask(in: .milliseconds(key.endpoint.lingerMs)) { isFull.succeed() }
            state.batches[state.next] = Batch(key: key, members: [member], bytes: bytes, isFull: isFull)
            state.open[key] = state.next
            return .leader(state.next)
        }
    }

    /// For the leader: waits for others and closes the batch. The first member is its own.
    func gather(_ number: Int) async -> [HTTPTransport.Attempt] {
        let isFull = state.withLock { $0.batches[number]?.isFull.futureResult }
        do { try await isFull?.get() } catch {}
        return state.withLock { state in
            guard let batch = state.batches[number] else { return [] }
            if state.open[batch.key] == number { state.open[batch.key] = nil }
            return batch.members
        }
    }

    /// For the leader: tells every other member, in the order of their places.
    func tell(_ number: Int, _ words: [Word]) {
        let waiting = state.withLock { state -> [Int: CheckedContinuation<Word, Never>] in
            guard var batch = state.batches.removeValue(forKey: number) else { return [:] }
            let waiting = batch.waiting
            batch.words = words
            batch.waiting = [:]
            batch.untold.subtract(waiting.keys)
            // Those who have not asked yet find their word.
            if !batch.untold.isEmpty { state.batches[number] = batch }
            return waiting
        }
        for (place, continuation) in waiting { continuation.resume(returning: words[place]) }
    }

    /// For a follower.
    func word(_ number: Int, place: Int) async -> Word {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLock { state -> Word? in
                    guard let index = state.batches.index(forKey: number) else { return .outcome(.interrupted) }
                    let isOpen = state.batches.values[index].words.isEmpty
                    if isOpen, !Task.isCancelled {
                        state.batches.values[index].waiting[place] = continuation
                        return nil
                    }
                    let word = isOpen ? Word.outcome(.interrupted) : state.batches.values[index].words[place]
                    state.leave(number, place)
                    return word
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                let waiting = state.batches[number]?.waiting.removeValue(forKey: place)
                if waiting != nil { state.leave(number, place) }
                return waiting
            }
            waiting?.resume(returning: .outcome(.interrupted))
        }
    }

    /// Whether the endpoint is there, as far as is known.
    func isThere(_ endpoint: BatchEndpoint) -> Bool { state.withLock { $0.isThere(endpoint) } }

    /// The endpoint does not exist: operations go alone for a while.
    func isMissing(_ endpoint: BatchEndpoint) { state.withLock { $0.missing[endpoint.path] = .now() + Self.missingFor } }
}
