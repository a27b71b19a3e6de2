import ArgumentParser
import Foundation
import GuardianCore
import GuardianRuntime
import GuardianSQLite

struct Rekey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Seal everything in the store under the current key; or unseal it.",
        discussion: """
            seal.key_file holds one key a line, the current one first. To change keys: put the new one in front of the old, restart serve, \
            run this, and take the old one out. It works beside a running serve that has the same key file, and can be killed and run \
            again. A serve without the new key is refused from then on (/readyz is 503) until it has it: those that run are named. \
            A store that was never sealed is sealed likewise; the file is then written anew, which needs as much room as it has. \
            --unseal turns sealing off: take the key out of the configuration afterwards, or the next start of serve seals again.
            Examples:
              openssl rand -base64 32 > seal.key && chmod 600 seal.key
              guardian rekey --data-dir ./guardian-data --config guardian.yaml
            Exit codes: 0 done, 2 no key, 4 a wrong key (nothing was touched) or no room.
            """)
    @OptionGroup var options: StoreOptions
    @Option(help: "The file with the keys, the current one first.") var keyFile: String?
    @Flag(help: "Write everything in clear.") var unseal = false
    @Flag(help: "Do not ask before unsealing.") var yes = false

    func run() async throws {
        let more = keyFile.map { ["seal.key_file": $0] } ?? [:]
        guard Assembly(try options.settings(more)).seals else {
            throw Failure(.usage, "seal.key_file: give the key (--key-file, the configuration, or GUARDIAN_SEAL_KEY)")
        }
        if unseal { try Terminal.confirm("Write everything that people wrote in clear?", yes: yes) }
        let store = try await options.existingFile(more, warnsOfKey: false)
        if !unseal, let key = store.givenKey, try await store.sealKey() != key { Self.warn(store.otherProcessors, key) }
        let done = try await store.rekey(unseals: unseal) { rows in
            if Terminal.errorIsTerminal { Terminal.write("\r\(rows) rows written anew", to: .standardError) }
        }
        if Terminal.errorIsTerminal { Terminal.write("\n", to: .standardError) }
        try store.close()
        if options.json {
            let json: JSONValue = ["rows": JSONValue(done.rows), "key": done.key.map { .string($0) } ?? .null]
            return Terminal.say(json.text)
        }
        Terminal.say("\(done.rows) rows written anew; " + (done.key.map { "everything is sealed under key \($0)" } ?? "nothing is sealed"))
    }

    /// The key is about to be the one that is written under, which it was not: whoever runs was started under another, or under none.
    private static func warn(_ processors: [String], _ key: String) {
        guard !processors.isEmpty else { return }
        Terminal.complain(
            "processors that run: \(processors.joined(separator: ", ")). From now on each is refused (store_wrong_key, /readyz 503) "
                + "unless its seal.key_file names key \(key): put it in there, or restart `guardian serve` with it")
    }
}
