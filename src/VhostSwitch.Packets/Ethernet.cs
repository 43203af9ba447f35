using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Packets;

/// <summary>What the switch reads of an Ethernet frame (IEEE 802.3 and 802.1Q), from a snapshot of its first 16 bytes.</summary>
public static class Ethernet
{
    /// <summary>Length in bytes of the header without a tag.</summary>
    public const int HeaderLength = 14;

    /// <summary>Length in bytes of the snapshot: both addresses, the type, and the tag where there is one.</summary>
    public const int SnapshotLength = 16;

    /// <summary>The largest frame a guest may send, in bytes: a 64 KiB segment with its headers and a tag.</summary>
    public const int MaxFrameLength = 65535 + HeaderLength + 4;

    /// <summary>The type of a frame with a VLAN tag.</summary>
    public const ushort VlanType = 0x8100;

    /// <summary>The destination address.</summary>
    /// <param name="snapshot">The first 16 bytes of the frame.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Destination(Vector128<byte> snapshot) => snapshot.AsUInt64().ToScalar() & MacAddress.Mask;

    /// <summary>The source address.</summary>
    /// <param name="snapshot">The first 16 bytes of the frame.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Source(Vector128<byte> snapshot)
    {
        var words = snapshot.AsUInt64();
        return (words.ToScalar() >> 48) | ((words.GetElement(1) & 0xffff_ffff) << 16);
    }

    /// <summary>The VLAN id of a tagged frame, 0 for an untagged one or one with a priority tag.</summary>
    /// <param name="snapshot">The first 16 bytes of the frame.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort VlanId(Vector128<byte> snapshot)
    {
        uint typeAndTag = snapshot.AsUInt32().GetElement(3);
        if ((ushort)typeAndTag != BinaryPrimitives.ReverseEndianness(VlanType)) return 0;
        return (ushort)(BinaryPrimitives.ReverseEndianness((ushort)(typeAndTag >> 16)) & 0xfff);
    }

    /// <summary>A tag as it lies in a frame, for the last four bytes of a snapshot.</summary>
    /// <param name="type">The tag's type, <see cref="VlanType"/> as a rule.</param>
    /// <param name="control">Priority and VLAN id.</param>
    public static uint Tag(ushort type, ushort control) => BinaryPrimitives.ReverseEndianness(type) | ((uint)BinaryPrimitives.ReverseEndianness(control) << 16);
}
