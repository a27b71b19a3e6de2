internal import CLibPQ
internal import GuardianCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// One session with the server, used by one thread at a time.
///
/// All statements travel in libpq's pipeline mode: what is handed in together is one round trip, and, outside of `BEGIN`, one transaction.
/// Every wait has an end, and a session whose place in its pipeline is not certain ends: a reader that waited for an answer that can't come
/// any more would never stop.
final class Connection {
    private let handle: OpaquePointer
    private var names: [ObjectIdentifier: String] = [:]
    /// Prepared statements are kept alive, so that no other takes their identity.
    private var kept: [SQL] = []
    /// Whether statements are prepared: not where a pooler hands sessions from one transaction to another.
    let prepares: Bool
    /// Milliseconds to wait for an answer.
    var patienceMs: Int32 = 30_000
    /// Which of the books' rows this session counts in: another one from now on when somebody's open transaction may hold it.
    private(set) var stripe: Int
    private(set) var isBroken = false
    /// Whether the transaction that is open may have been committed when the connection was lost.
    private(set) var mayHaveCommitted = false

    /// Connects, or throws why not.
    ///
    /// `timeoutMs` is for all hosts together, in parts of at least 2 seconds; `connect_timeout` of the URL goes before it, for each host.
    init(_ address: DatabaseAddress, prepares: Bool, applicationName: String, timeoutMs: Int32) throws {
        let options = address.options(applicationName: applicationName, timeoutMs: timeoutMs) { DatabaseAddress.environment($0) }
        // libpq waits itself: only then does it give a host up that says nothing, and go on to the next one.
        let made = Self.withCStrings(options.map(\.name)) { names in
            Self.withCStrings(options.map(\.value)) { values in PQconnectdbParams(names, values, 0) }
        }
        guard let made else { throw ServerFailure.lost("no memory for a connection") }
        handle = made
        self.prepares = prepares
        stripe = Int.random(in: 0..<64)
        // When it throws from here on, `deinit` ends what was begun: all is initialized.
        guard PQstatus(handle) == CONNECTION_OK else { throw ServerFailure.lost(address.masking(lastError)) }
        guard PQsetnonblocking(handle, 1) == 0 else { throw ServerFailure.lost("the connection can't be made non-blocking") }
        // Notices are for people at a terminal.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
    }

    deinit { PQfinish(handle) }

    var lastError: String {
        guard let text = PQerrorMessage(handle) else { return "unknown" }
        return String(cString: text).split(whereSeparator: \.isNewline).joined(separator: "; ")
    }

    /// Whether the server said of itself what `name` is, such as `server_version`.
    func said(_ name: String) -> String? { PQparameterStatus(handle, name).map { String(cString: $0) } }

    // MARK: Statements

    /// Runs a script of several statements, without values.
    func script(_ text: String) throws {
        guard PQsendQuery(handle, text) == 1 else { throw broken(lastError) }
        let end = Self.nowMs() + Int64(patienceMs)
        var failure: ServerFailure?
        while let result = try next(until: end) {
            failure = failure ?? self.failure(of: result)
            PQclear(result)
            if PQstatus(handle) == CONNECTION_BAD { throw broken(failure?.message ?? lastError) }
        }
        if let failure {
            if failure.isLost { isBroken = true }
            throw failure
        }
    }

    /// Runs statements in one round trip; one answer each. Outside of `BEGIN` all of them are one transaction.
    ///
    /// `commits`: whether something may be committed by it.
    func run(_ calls: [Call], commits: Bool = true) throws -> [Rows] {
        mayHaveCommitted = false
        guard PQenterPipelineMode(handle) == 1 else { throw broken("pipeline mode: " + lastError) }
        var expected: [(call: Int?, sql: SQL?)] = []
        for (index, call) in calls.enumerated() {
            if prepares, call.isPrepared, names[ObjectIdentifier(call.sql)] == nil {
                let name = call.sql.name
                let types = call.values.map(\.type)
                guard PQsendPrepare(handle, name, call.sql.text, Int32(types.count), types) == 1 else { throw broken(lastError) }
                names[ObjectIdentifier(call.sql)] = name
                kept.append(call.sql)
                expected.append((nil, call.sql))
            }
            try send(call)
            expected.append((index, nil))
        }
        guard PQpipelineSync(handle) == 1 else { throw broken(lastError) }
        mayHaveCommitted = commits
        let answers = try collect(expected, calls.count)
        guard PQexitPipelineMode(handle) == 1 else { throw broken("pipeline mode: " + lastError) }
        return try answers.get()
    }

    private func collect(_ expected: [(call: Int?, sql: SQL?)], _ count: Int) throws -> Result<[Rows], ServerFailure> {
        let end = Self.nowMs() + Int64(patienceMs)
        var rows: [Rows] = []
        var failure: ServerFailure?
        for (call, sql) in expected {
            guard let result = try next(until: end) else { throw broken("an answer is missing") }
            let status = PQresultStatus(result)
            if let found = self.failure(of: result) {
                PQclear(result)
                if PQstatus(handle) == CONNECTION_BAD { throw broken(found.message) }
                failure = failure ?? found
            } else if call != nil, status != PGRES_PIPELINE_ABORTED {
                rows.append(Rows(result))
            } else {
                PQclear(result)
            }
            if failure != nil || status == PGRES_PIPELINE_ABORTED, let sql { forget(sql) }
            // The end of this statement's answers.
            if let more = try next(until: end) {
                PQclear(more)
                throw broken("an answer too many")
            }
        }
        guard let sync = try next(until: end) else { throw broken("the end of the pipeline is missing") }
        let isSync = PQresultStatus(sync) == PGRES_PIPELINE_SYNC
        PQclear(sync)
        guard isSync else { throw broken("the pipeline has lost its place") }
        mayHaveCommitted = false
        if let failure {
            if failure.state == ServerFailure.busy || failure.state == ServerFailure.deadlock { stripe = Int.random(in: 0..<64) }
            if failure.isLost { isBroken = true }
            return .failure(failure)
        }
        guard rows.count == count else { throw broken("the pipeline has lost its place") }
        return .success(rows)
    }

    private func forget(_ sql: SQL) { names[ObjectIdentifier(sql)] = "" }

    private func send(_ call: Call) throws {
        var bytes: [UInt8] = []
        var places: [Int?] = []
        var lengths: [Int32] = []
        for value in call.values {
            let from = bytes.count
            places.append(value.write(to: &bytes) ? from : nil)
            guard let length = Int32(exactly: bytes.count - from) else { throw broken("a batch is too large") }
            lengths.append(length)
        }
        // An empty value needs a place too.
        bytes.append(0)
        let formats = [Int32](repeating: 1, count: call.values.count)
        let name = prepares && call.isPrepared ? names[ObjectIdentifier(call.sql)] : nil
        let sent = bytes.withUnsafeBytes { memory in
            let values = places.map { place in
                place.flatMap { memory.baseAddress?.advanced(by: $0).assumingMemoryBound(to: CChar.self) }
            }
            if let name, !name.isEmpty {
                return PQsendQueryPrepared(handle, name, Int32(values.count), values, lengths, formats, 1)
            }
            return PQsendQueryParams(handle, call.sql.text, Int32(values.count), call.values.map(\.type), values, lengths, formats, 1)
        }
        guard sent == 1 else { throw broken(lastError) }
    }

    private func failure(of result: OpaquePointer) -> ServerFailure? {
        switch PQresultStatus(result) {
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_NONFATAL_ERROR:
            let state = PQresultErrorField(result, 67).map { String(cString: $0) } ?? ""
            let message = PQresultErrorField(result, 77).map { String(cString: $0) } ?? lastError
            // 57P01…57P03: the server is shutting down, has crashed, or is starting. 25P03: it has waited for us too long.
            if state.hasPrefix("57P") || state == "25P03" || state.hasPrefix("08") && state != "08P01" || state.isEmpty {
                return .lost(message)
            }
            return ServerFailure(state: state, message: message, isLost: state == ServerFailure.readOnly)
        default: return nil
        }
    }

    // MARK: Waiting

    /// The next result; nil at the end of a statement. Never waits without an end.
    private func next(until end: Int64) throws -> OpaquePointer? {
        while true {
            let flushed = PQflush(handle)
            guard flushed >= 0 else { throw broken(lastError) }
            if PQisBusy(handle) == 0 { return PQgetResult(handle) }
            // The server is not asked to cancel: that would wait for a server that is frozen, and end a commit's wait for its standby. What
            // is given up holds no locks for long, by the bounds of each transaction (``Write/bounds(lockMs:on:)``).
            do { try wait(forWriting: flushed == 1, andReading: true, until: end) } catch { throw broken("no answer in time") }
            guard PQconsumeInput(handle) == 1, PQstatus(handle) != CONNECTION_BAD else { throw broken(lastError) }
        }
    }

    private func wait(forWriting: Bool, andReading: Bool = false, until end: Int64) throws {
        var file = pollfd(fd: PQsocket(handle), events: 0, revents: 0)
        guard file.fd >= 0 else { throw ServerFailure.lost(lastError) }
        if forWriting { file.events |= Int16(POLLOUT) }
        if !forWriting || andReading { file.events |= Int16(POLLIN) }
        while true {
            let left = end - Self.nowMs()
            guard left > 0 else { throw ServerFailure.lost("no answer in time") }
            let ready = poll(&file, 1, Int32(clamping: left))
            if ready > 0 { return }
            guard ready == 0 || errno == EINTR else { throw ServerFailure.lost(String(cString: strerror(errno))) }
        }
    }

    private func broken(_ message: String) -> ServerFailure {
        isBroken = true
        return .lost(message)
    }

    // MARK: Notifications

    /// Waits for a notification; false when none has come in time.
    func awaitNotification(forMs milliseconds: Int64) throws -> Bool {
        let end = Self.nowMs() + milliseconds
        var isFound = takeNotifications()
        while !isFound, Self.nowMs() < end {
            do { try wait(forWriting: false, until: end) } catch { return false }
            guard PQconsumeInput(handle) == 1, PQstatus(handle) != CONNECTION_BAD else { throw broken(lastError) }
            isFound = takeNotifications()
        }
        return isFound
    }

    private func takeNotifications() -> Bool {
        var isFound = false
        while let notification = PQnotifies(handle) {
            PQfreemem(notification)
            isFound = true
        }
        return isFound
    }

    // MARK: Ground

    static func nowMs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    static func withCStrings<Value>(_ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Value) -> Value {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies.map { $0.map { UnsafePointer($0) } } + [nil])
    }
}
