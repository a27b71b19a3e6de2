import GuardianCore
import GuardianPostgres
import Testing

@Suite("The store's URL")
struct DatabaseAddressTests {
    @Test(
        "no secret of it is ever shown",
        arguments: [
            ("postgresql://anna:s3cret@db/app", "postgresql://anna:***@db/app"),
            ("postgresql://anna:s3c@ret@db:5432/app?sslmode=require", "postgresql://anna:***@db:5432/app?sslmode=require"),
            ("postgres://db/app?user=anna&password=s3cret", "postgres://db/app?user=anna&password=***"),
            ("postgresql://db/app?sslpassword=s3cret&passfile=/run/pass", "postgresql://db/app?sslpassword=***&passfile=/run/pass"),
            ("postgresql://anna:s3cret@", "postgresql://anna:***@"), ("postgresql://anna@db/app", "postgresql://anna@db/app"),
            ("sqlite", "sqlite"),
        ])
    func masked(given: String, shown: String) {
        #expect(DatabaseAddress.masked(given) == shown)
    }

    @Test("errors of a connection hold no secret")
    func errors() async throws {
        let server = try Server.shared.get()
        let address = try DatabaseAddress("postgresql://nobody:s3cret-word@/none?host=\(server.directory)&port=\(server.port)")
        var configuration = PostgresStore.Configuration(address: address)
        configuration.patienceMs = 100
        await #expect {
            _ = try await PostgresStore.open(configuration)
        } throws: { error in
            guard case .unavailable(let what) = error as? StoreError else { return false }
            return what.contains("nobody") && !what.contains("s3cret-word")
        }
    }

    @Test("its own words are read and not handed on; wrong ones are named")
    func words() throws {
        let address = try DatabaseAddress("postgresql://db/app?pooler=transaction&pool=9&processors=2&sslmode=require")
        #expect(address.isPooled && address.pool == 9 && address.processors == 2)
        #expect(address.masked == "postgresql://db/app?sslmode=require")
        for wrong in ["mysql://db", "postgresql://db?pool=1", "postgresql://db?pooler=session", "postgresql://db?nonsense=1"] {
            #expect(throws: StoreError.self) { try DatabaseAddress(wrong) }
        }
    }
}
