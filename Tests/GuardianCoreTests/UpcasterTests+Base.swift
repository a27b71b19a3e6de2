import GuardianCore
import Testing

/// The base is of the same version as the payload: a merge compares the two.
extension UpcasterTests {
    private static let renamed = [Upcaster.declarative(entity: "room", from: 1, to: 2, rename: ["temp": "temperature"])]
    /// Has the old name and the new one.
    private static let poison = #"{"temp":20,"temperature":20}"#

    @Test("the base is cast with the payload; one that can't be makes the cast impossible where it is needed, and is let go elsewhere")
    func base() throws {
        let casters = try Upcasters(Self.renamed)
        var operation = Self.operation(#"{"temp":21}"#)
        operation.base = #"{"temp":20,"name":"Kitchen"}"#
        let base = #"{"name":"Kitchen","temperature":20}"#
        #expect(casters.cast(operation) == .changed(payload: #"{"temperature":21}"#, base: base, schemaVersion: 2))
        operation.base = Self.poison
        #expect(casters.cast(operation, needsBase: false) == .changed(payload: #"{"temperature":21}"#, base: nil, schemaVersion: 2))
        guard case .impossible(let error) = casters.cast(operation) else {
            Issue.record("it was cast without its base")
            return
        }
        #expect(error.code == "UPCAST_FAILED" && error.message.contains("its base"), "\(error.message)")
    }

    /// A claim of version 1 with this base, and what a processor makes of it.
    private func cast(base: String, _ policy: ConflictPolicy) throws -> (bench: ProcessorBench, claim: Claim, result: Settlement.Result?) {
        var configuration = try ProcessorConfiguration(upcasters: Upcasters(Self.renamed))
        configuration.conflicts = ConflictRules(standard: policy)
        var bench = ProcessorBench()
        bench.processor = Processor(owner: "p", configuration: configuration)
        _ = bench.begin()
        var claim = bench.claim(1)
        claim.operation.payload = #"{"name":"Galley","temp":20}"#
        claim.operation.base = base
        let actions = bench.give(.exchanged(.success(ExchangeResult(claims: [claim]))))
        return (bench, claim, actions.settlements.first?.result)
    }

    @Test("a merge after a cast keeps what others have changed of a field that the cast has renamed")
    func mergesAfterCast() throws {
        let cast = try cast(base: #"{"name":"Kitchen","temp":20,"version":1}"#, .merge(ThreeWayMerge()))
        guard case .recast(let payload, let base, let version, _) = cast.result else {
            Issue.record("settled as \(String(describing: cast.result))")
            return
        }
        var (bench, claim) = (cast.bench, cast.claim)
        claim.operation.payload = payload
        claim.operation.base = base
        claim.operation.schemaVersion = version
        claim.operation.ifMatch = "v2"
        claim.operation.server = ServerState(state: #"{"name":"Kitchen","temperature":23,"version":2}"#, etag: "v2")
        let actions = bench.give(.exchanged(.success(ExchangeResult(claims: [claim], settled: [true]))))
        guard case .revised(let revision) = actions.settlements.first?.result else {
            Issue.record("settled as \(actions.settlements)")
            return
        }
        #expect(revision.payload == #"{"name":"Galley","temperature":23,"version":2}"#)
    }

    @Test("what would be merged fails when its base can't be cast, for nothing is written over unseen; a person's conflict needs none")
    func baseIsNeeded() throws {
        guard case .failed(let error) = try cast(base: Self.poison, .merge(ThreeWayMerge())).result else {
            Issue.record("it was not set aside")
            return
        }
        #expect(error.code == "UPCAST_FAILED")
        guard case .recast(_, nil, 2, _) = try cast(base: Self.poison, .manual).result else {
            Issue.record("it was not cast")
            return
        }
    }
}
