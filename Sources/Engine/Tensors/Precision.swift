/// What the operands of products are rounded to, where the processor has fast products for it.
public enum Precision: String, Sendable, CaseIterable {
    /// Single precision: 24 significant bits.
    case float32
    /// bfloat16: 8 significant bits, and 1.5 to 1.7 times the speed.
    case bfloat16 = "bf16"
}
