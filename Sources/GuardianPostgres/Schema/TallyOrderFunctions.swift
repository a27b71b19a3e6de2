extension Migrations {
    /// What settles many at a time writes tallies after what is known of entities, and in the order of their keys, as settling one by one
    /// does: two processors that count in the same rows do not wait for each other crosswise (`guardian-0012-tally-order`).
    ///
    /// A part of the statement that another part reads is done before it: hence the count of `known`, which excludes nothing.
    static let tallyOrderFunctions =
        settleFunctions
        .replacing("AND e.marks IS NULL AND NOT e.gone", with: "AND e.marks IS NULL AND NOT e.gone RETURNING 1")
        .replacing(
            "WHERE k.kind = 0 OR gone.tries > 0", with: "WHERE (k.kind = 0 OR gone.tries > 0) AND (SELECT count(*) FROM known) >= 0"
        )
        .replacing(
            "GROUP BY k.kind, operation_type, entity_type",
            with: "GROUP BY k.kind, operation_type, entity_type ORDER BY k.kind, operation_type, entity_type")
}
