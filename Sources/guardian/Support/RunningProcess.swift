import Foundation
import Synchronization

/// A process of ours that is ended, and waited for, when it is not needed any more.
final class RunningProcess: @unchecked Sendable {
    // `Process` guards itself; it is only ended and waited for here.
    private let process: Process

    init(_ process: Process) { self.process = process }

    func stop() async {
        process.terminate()
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [self] in
                process.waitUntilExit()
                continuation.resume()
            }
        }
    }
}

/// Text that grows.
final class SaidText: Sendable {
    private let said = Mutex("")
    var text: String { said.withLock { $0 } }
    func add(_ more: String) { said.withLock { $0 += more } }
}
