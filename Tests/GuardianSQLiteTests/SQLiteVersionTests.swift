import GuardianSQLite
import Testing

@Suite struct SQLiteVersionTests {
    @Test(
        "a version with the WAL-reset bug is known by its number, and so is a corrected one",
        arguments: [
            (3_006_023, "3.6.23", false), (3_007_000, "3.7.0", true), (3_040_001, "3.40.1", true), (3_044_005, "3.44.5", true),
            (3_044_006, "3.44.6", false), (3_045_000, "3.45.0", true), (3_050_006, "3.50.6", true), (3_050_007, "3.50.7", false),
            (3_051_000, "3.51.0", true), (3_051_002, "3.51.2", true), (3_051_003, "3.51.3", false), (3_053_000, "3.53.0", false),
        ])
    func knowsTheBug(number: Int, text: String, hasBug: Bool) {
        let version = SQLiteVersion(number: number)
        #expect(version.text == text)
        #expect(version.hasResetBug == hasBug)
    }

    @Test("the library that this process runs on says its version")
    func current() {
        #expect(SQLiteVersion.current.number > 3_007_000)
    }
}
