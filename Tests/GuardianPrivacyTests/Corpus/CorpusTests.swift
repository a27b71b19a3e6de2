import GuardianPrivacy
import Testing

@Suite("On the project's own corpus")
struct CorpusTests {
    static let perKind = 1200
    static let lookAlikes = 12_000

    @Test("Recall is 0.99 and precision 0.995 at least in every class")
    func recallAndPrecision() {
        var corpus = Corpus(seed: 20_260_131)
        let redactor = Redactor.standard
        var wrong: [String: Int] = [:]
        var missed: [String] = []
        for text in corpus.negatives(count: Self.lookAlikes) {
            let redacted = redactor.redact(text)
            guard redacted != text else { continue }
            for kind in Corpus.Kind.allCases where redacted.contains(kind.mark) { wrong[kind.mark, default: 0] += 1 }
            if missed.count < 20 { missed.append("touched: \(text) -> \(redacted)") }
        }
        for kind in Corpus.Kind.allCases {
            var (found, shown) = (0, [String]())
            for sample in corpus.positives(kind, count: Self.perKind) {
                let redacted = redactor.redact(sample.text)
                if sample.isRight(redacted) { found += 1 } else { shown.append("\(sample.text) -> \(redacted)") }
            }
            let recall = Double(found) / Double(Self.perKind)
            let precision = Double(found) / Double(found + wrong[kind.mark, default: 0])
            print("measured: \(kind.rawValue): recall \(recall), precision \(precision)")
            #expect(recall >= 0.99, "\(kind.rawValue): \(recall); \(shown.prefix(10))")
            #expect(precision >= 0.995, "\(kind.rawValue): \(precision); \(missed)")
        }
        #expect(missed.count <= Self.lookAlikes / 1000, "\(missed)")
        print(
            "measured: \(Self.perKind * Corpus.Kind.allCases.count) positives in \(Phones.byLocale.count) locales, \(Self.lookAlikes) look-alikes, \(missed.count) touched"
        )
    }

    @Test("Each of the shapes of keys is found whole", arguments: Keys.strong + Keys.weak)
    func everyKey(pattern: String) {
        var corpus = Corpus(seed: 20_260_131)
        for frame in Corpus.keyFrames {
            for _ in 0..<8 {
                let sample = Corpus.Sample(frame, corpus.key(pattern), .key)
                let redacted = Redactor.standard.redact(sample.text)
                #expect(redacted == sample.expected, "\(sample.text) -> \(redacted)")
            }
        }
    }
}
