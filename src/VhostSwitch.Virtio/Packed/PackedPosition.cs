using System.Runtime.CompilerServices;

namespace VhostSwitch.Virtio.Packed;

/// <summary>A place in a packed ring and the wrap counter of its round (VIRTIO 1.2, 2.8.1), in 16 bits as messages have it.</summary>
/// <param name="Value">Bits 0 to 14: the entry. Bit 15: the wrap counter.</param>
public record struct PackedPosition(ushort Value)
{
    /// <summary>Where every ring starts: at entry 0, with the wrap counter 1.</summary>
    public static readonly PackedPosition Start = new(PackedLayout.WrapBit);

    /// <summary>A place by its parts.</summary>
    /// <param name="index">The entry.</param>
    /// <param name="wrap">The wrap counter.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PackedPosition At(int index, bool wrap) => new((ushort)(index | (wrap ? PackedLayout.WrapBit : 0)));

    /// <summary>The entry.</summary>
    public readonly int Index => Value & ~PackedLayout.WrapBit;

    /// <summary>The wrap counter.</summary>
    public readonly bool Wrap => (Value & PackedLayout.WrapBit) != 0;

    /// <summary>Goes on by some entries, into the next round where the ring ends.</summary>
    /// <param name="entries">How many, at most the ring's size.</param>
    /// <param name="size">The ring's size.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance(int entries, int size)
    {
        int index = Index + entries;
        int wrap = Value & PackedLayout.WrapBit;
        if (index >= size)
        {
            index -= size;
            wrap ^= PackedLayout.WrapBit;
        }
        Value = (ushort)(index | wrap);
    }

    /// <summary>True when the place a peer wants to hear of was passed since the last decision (VIRTIO 1.2, 2.8.14).</summary>
    /// <param name="wanted">What the peer's event suppression area says.</param>
    /// <param name="now">The place now.</param>
    /// <param name="before">The place at the last decision; not equal to <paramref name="now"/> unless a whole round was passed.</param>
    /// <param name="size">The ring's size.</param>
    public static bool Passed(PackedPosition wanted, PackedPosition now, PackedPosition before, int size)
    {
        int from = before.Index, at = wanted.Index;
        if (now.Index <= from) from -= size;
        if (wanted.Wrap != now.Wrap) at -= size;
        return Notification.Passed((ushort)at, (ushort)now.Index, (ushort)from);
    }
}
