namespace VhostSwitch.Virtio;

/// <summary>An address as a descriptor holds it: guest-physical. Not a pointer: <see cref="GuestMemory"/> makes one of it, with a length.</summary>
/// <param name="Value">The number.</param>
public readonly record struct GuestAddress(ulong Value)
{
    /// <summary>The address a number of bytes further on; wraps around as the number does, the translation refuses what wrapped.</summary>
    /// <param name="bytes">How far.</param>
    public GuestAddress Plus(ulong bytes) => new(unchecked(Value + bytes));

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x}";
}
