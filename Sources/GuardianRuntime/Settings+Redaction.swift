import GuardianPrivacy

extension Settings {
    /// Makes what the app calls secret known to every way out of this process: `redaction.names`, `exempt` and `patterns`.
    ///
    /// Names are parted by commas, patterns stand one a line. See ``GuardianPrivacy/RedactionPattern``.
    package func applyRedaction() {
        func list(_ key: String, _ separator: Character) -> [String] {
            text(key).split(separator: separator).map { String($0).trimmingSpace }.filter { !$0.isEmpty }
        }
        // Checked when the settings were read.
        let patterns = list("redaction.patterns", "\n").compactMap { line -> RedactionPattern? in
            do throws(RedactionPattern.Defect) { return try RedactionPattern(line) } catch { return nil }
        }
        let (names, exempt) = (list("redaction.names", ","), list("redaction.exempt", ","))
        guard !names.isEmpty || !exempt.isEmpty || !patterns.isEmpty else { return }
        Redactor.standard = Redactor(names: names, exempt: exempt, patterns: patterns)
    }
}

extension String {
    fileprivate var trimmingSpace: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
