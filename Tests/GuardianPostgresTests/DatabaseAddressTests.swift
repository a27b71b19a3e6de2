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

    private static func option(_ name: String, of url: String, _ environment: [String: String] = [:]) throws -> String? {
        try DatabaseAddress(url).options(applicationName: "t") { environment[$0] }.first { $0.name == name }?.value
    }

    @Test(
        "a server beyond this machine must prove who it is, wherever libpq has its name from",
        arguments: [
            ("bob:secret@/d", [:], false), ("bob:secret@/d", ["PGHOST": "vm"], true), ("/d", ["PGHOST": "/run/postgresql"], false),
            ("/d", ["PGHOST": "localhost,vm"], true), ("/d?host=/run/postgresql", ["PGHOST": "vm"], false),
            ("localhost/d", ["PGHOSTADDR": "10.0.0.7"], true), ("db/d?hostaddr=127.0.0.1", [:], false),
            ("a,db/d?hostaddr=127.0.0.1,", [:], true), ("a,db/d?hostaddr=127.0.0.1,::1", [:], false),
            ("/d?service=orders", [:], true), ("localhost/d", ["PGSERVICE": "orders"], true),
            ("127.0.0.1/d", [:], false), ("127.9.8.7/d", [:], false), ("[::1]/d", [:], false), ("localhost/d", [:], false),
            ("127.x.example/d", [:], true), ("127.0.0.256/d", [:], true), ("127.0.0.1.example/d", [:], true), ("127.0.0./d", [:], true),
        ] as [(String, [String: String], Bool)])
    func remote(place: String, environment: [String: String], isRemote: Bool) throws {
        let url = "postgresql://" + place
        #expect(try Self.option("sslmode", of: url, environment) == (isRemote ? "verify-full" : nil))
    }

    @Test("what the URL says of TLS stands")
    func ownWord() throws {
        #expect(try Self.option("sslmode", of: "postgresql://db/d?sslmode=require") == "require")
        #expect(try Self.option("sslmode", of: "postgresql:///d?sslmode=disable", ["PGHOST": "vm"]) == "disable")
    }

    @Test("of several hosts it is the one that takes writes, unless somebody says otherwise")
    func severalHosts() throws {
        func attributes(_ url: String, _ environment: [String: String] = [:]) throws -> String? {
            try Self.option("target_session_attrs", of: url, environment)
        }
        #expect(try attributes("postgresql://a,b/d") == "read-write")
        #expect(try attributes("postgresql:///d", ["PGHOST": "a,b"]) == "read-write")
        #expect(try attributes("postgresql://a/d") == nil)
        #expect(try attributes("postgresql://a,b/d?target_session_attrs=primary") == "primary")
        #expect(try attributes("postgresql://a,b/d", ["PGTARGETSESSIONATTRS": "primary"]) == nil)
    }

    @Test("each host has its part of the time to connect, unless the URL says how long; never without an end")
    func connectTimeout() throws {
        for (place, seconds) in [("a", 10), ("a,b", 5), ("a,b,c,d,e,f", 2)] {
            #expect(try Self.option("connect_timeout", of: "postgresql://\(place)/d") == "\(seconds)")
        }
        #expect(try Self.option("connect_timeout", of: "postgresql://a,b/d?connect_timeout=7") == "7")
        #expect(try Self.option("connect_timeout", of: "postgresql://a,b/d?connect_timeout=0") == "5")
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
