using System.Buffers.Binary;
using VhostSwitch.Packets;

namespace VhostSwitch.TestKit.Guest;

/// <summary>A frame that carries a number and a pattern made of it, so that a lost, repeated or changed one is noticed.</summary>
public static class NumberedFrame
{
    /// <summary>The type of these frames: local experiments (IEEE 802, 9.2.4).</summary>
    public const ushort EtherType = 0x88b5;

    /// <summary>The shortest length that holds the number.</summary>
    public const int MinLength = Ethernet.HeaderLength + sizeof(ulong);

    /// <summary>Makes a frame.</summary>
    /// <param name="to">The destination.</param>
    /// <param name="from">The source.</param>
    /// <param name="number">The number.</param>
    /// <param name="length">The frame's length in bytes, at least <see cref="MinLength"/>.</param>
    public static byte[] Make(MacAddress to, MacAddress from, ulong number, int length = 64)
    {
        byte[] frame = new byte[length];
        Put(frame, 0, to);
        Put(frame, 6, from);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), EtherType);
        BinaryPrimitives.WriteUInt64BigEndian(frame.AsSpan(Ethernet.HeaderLength), number);
        for (int i = MinLength; i < length; i++)
            frame[i] = Pattern(number, i);
        return frame;
    }

    /// <summary>Reads a frame's number.</summary>
    /// <param name="frame">Any frame.</param>
    /// <param name="number">The number.</param>
    /// <returns>False for a frame of another kind or with a byte changed.</returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, out ulong number)
    {
        number = 0;
        if (frame.Length < MinLength || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != EtherType) return false;
        number = BinaryPrimitives.ReadUInt64BigEndian(frame[Ethernet.HeaderLength..]);
        for (int i = MinLength; i < frame.Length; i++)
        {
            if (frame[i] != Pattern(number, i)) return false;
        }
        return true;
    }

    /// <summary>The destination of a frame.</summary>
    /// <param name="frame">At least an Ethernet header.</param>
    public static MacAddress Destination(ReadOnlySpan<byte> frame) =>
        new(BinaryPrimitives.ReadUInt32LittleEndian(frame) | ((ulong)BinaryPrimitives.ReadUInt16LittleEndian(frame[4..]) << 32));

    private static byte Pattern(ulong number, int i) => (byte)((number * 131) + (ulong)i);

    private static void Put(Span<byte> frame, int offset, MacAddress mac)
    {
        for (int i = 0; i < 6; i++)
            frame[offset + i] = (byte)(mac.Value >> (8 * i));
    }
}
