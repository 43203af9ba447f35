using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>A tag as a bridge works with it; without type where there is none.</summary>
internal struct VlanHeader
{
    public ushort Type;

    /// <summary>Priority and VLAN, without the bit between them.</summary>
    public ushort Control;

    private const ushort VlanMask = 0x0fff;
    private const ushort PriorityMask = 0xe000;

    public readonly ushort Vlan => (ushort)(Control & VlanMask);

    public readonly ushort Priority => (ushort)(Control & PriorityMask);

    /// <summary>The same tag with another VLAN; an ordinary one where there is none.</summary>
    public readonly VlanHeader With(ushort vlan) => new() { Type = TypeOrPlain, Control = (ushort)(Priority | vlan) };

    /// <summary>As it lies in a frame.</summary>
    public readonly uint Word => Ethernet.Tag(TypeOrPlain, Control);

    /// <summary>Reads a tag.</summary>
    /// <param name="word">As it lies in a frame.</param>
    public static VlanHeader Of(uint word) => new()
    {
        Type = BinaryPrimitives.ReverseEndianness((ushort)word),
        Control = (ushort)(BinaryPrimitives.ReverseEndianness((ushort)(word >> 16)) & (PriorityMask | VlanMask)),
    };

    public readonly bool IsSameAs(in VlanHeader other) => Type == other.Type && Control == other.Control;

    private readonly ushort TypeOrPlain => Type == 0 ? Ethernet.VlanType : Type;
}

/// <summary>The tags at the front of a frame, of which a bridge knows two.</summary>
internal struct VlanTags
{
    /// <summary>Not a VLAN: the tag is one of VLAN 0, or incomplete.</summary>
    public const ushort Unclear = VlanSet.VlanCount;

    // A tag, and the type behind it that says what follows.
    private const uint LeastLengthTagged = 18;

    // The types of tags begin so, and of other usual ones IPv6's alone.
    private const uint MayBeTag = 0x80;

    public VlanHeader Outer;
    public VlanHeader Inner;

    public readonly int Count => Outer.Type == 0 ? 0 : Inner.Type == 0 ? 1 : 2;

    /// <summary>The VLAN that a frame's tag says; 0 without a tag, and <see cref="Unclear"/> where one has to look closer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe ushort VlanOf(Frame* frame)
    {
        uint word = frame->Snapshot.AsUInt32().GetElement(3);
        if ((word & MayBeTag) == 0 || !IsTag(word)) return 0;
        var tag = VlanHeader.Of(word);
        return tag.Vlan == 0 || frame->Length < LeastLengthTagged ? Unclear : tag.Vlan;
    }

    /// <summary>True for a frame that ends within its tag.</summary>
    public static unsafe bool IsTruncated(Frame* frame) => frame->Length < LeastLengthTagged && IsTag(frame->Snapshot.AsUInt32().GetElement(3));

    /// <summary>True where four bytes are a tag's: 0x8100 or 0x88a8, and its control.</summary>
    public static bool IsTag(uint word) => (ushort)word is PlainType or ServiceType;

    /// <summary>Reads the tags of a frame that is not truncated.</summary>
    /// <param name="burst">The loan it is from.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="most">How many to look for, 1 or 2.</param>
    /// <param name="outer">The outer tag as it lies in the frame; 0 for none.</param>
    /// <param name="inner">The inner one, read here and to be read nowhere again; 0 for none.</param>
    public static unsafe void Read(Burst burst, Frame* frame, int most, out uint outer, out uint inner)
    {
        outer = frame->Snapshot.AsUInt32().GetElement(3);
        inner = 0;
        if (!IsTag(outer))
        {
            outer = 0;
            return;
        }
        if (most < 2 || frame->Length < LeastLengthTagged + VlanTag.Length) return;
        uint word;
        FrameBytes.Read(burst, frame, Ethernet.SnapshotLength, (byte*)&word, VlanTag.Length);
        if (IsTag(word)) inner = word;
    }

    // First byte lowest, as in the snapshot.
    private const ushort PlainType = 0x0081, ServiceType = 0xa888;
}
