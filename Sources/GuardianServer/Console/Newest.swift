/// What is read over and over and kept for all who ask, where one reading may overtake another: one that began before the kept one did, or
/// before all was forgotten, is not kept.
struct Newest<Value> {
    /// What was kept last, also when it is forgotten.
    private(set) var last: Value?
    private var begun = 0
    private var kept = 0
    private var forgotten = 0

    /// nil when nothing was kept since all was forgotten.
    var value: Value? { kept > forgotten ? last : nil }

    /// The number of a reading that begins now.
    mutating func begin() -> Int {
        begun += 1
        return begun
    }

    /// Returns whether it is kept.
    mutating func keep(_ value: Value, of reading: Int) -> Bool {
        guard reading > max(kept, forgotten) else { return false }
        (last, kept) = (value, reading)
        return true
    }

    /// What was read until now is old, also by readings that have not ended.
    mutating func forget() { forgotten = begun }
}
