using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using VhostSwitch.Packets;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// The frames of a <see cref="DemoGuest"/>: Ethernet header, 8 bytes of sequence number, 8 bytes of checksum over all other
/// bytes, and a pattern of which every byte follows from sender and sequence number. Numbers are little-endian.
/// </summary>
internal static unsafe class DemoFrame
{
    /// <summary>The type of numbered frames, in network order as it loads: the first of IEEE 802's local experimental types, 0x88B5.</summary>
    internal const ushort NumberedType = 0xB588;

    /// <summary>The type of the frames with which guests get acquainted: the second local experimental type, 0x88B6.</summary>
    internal const ushort HelloType = 0xB688;

    /// <summary>The shortest numbered frame, in bytes: what Ethernet asks for without its checksum.</summary>
    internal const int MinLength = 60;

    /// <summary>Bytes behind a frame's end that <see cref="Fill"/> may write and <see cref="IsWhole"/> may read.</summary>
    internal const int Slack = 8;

    private const int TypeOffset = 12;
    private const int SequenceOffset = Ethernet.HeaderLength;
    private const int ChecksumOffset = SequenceOffset + sizeof(ulong);
    private const int PatternOffset = ChecksumOffset + sizeof(ulong);
    private const int HeardOffset = Ethernet.HeaderLength;

    // Odd, so that multiplying loses nothing: two frames that differ in one word never have the same checksum.
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;
    private const ulong Step = 0xD134_2543_DE82_EF95;

    /// <summary>The Ethernet header of numbered frames, in the first 14 of 16 bytes.</summary>
    internal static Vector128<byte> Header(MacAddress to, MacAddress from, ushort type) =>
        Vector128.Create(to.Value | (from.Value << 48), (from.Value >> 16) | ((ulong)type << 32)).AsByte();

    /// <summary>Writes a whole frame; up to <see cref="Slack"/> bytes behind it as well.</summary>
    internal static void Fill(byte* frame, int length, Vector128<byte> header, ulong sequence)
    {
        Number(frame, header, sequence);
        ulong pattern = PatternOf(Source(frame), sequence);
        ulong sum = HeaderSum(frame, length, sequence);
        for (int at = PatternOffset; at < length; at += sizeof(ulong))
        {
            pattern += Step;
            ulong word = Word(pattern);
            Unsafe.WriteUnaligned(frame + at, word);
            sum = Add(sum, word & Inside(length - at));
        }
        Unsafe.WriteUnaligned(frame + ChecksumOffset, sum);
    }

    /// <summary>Writes header and sequence number only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Number(byte* frame, Vector128<byte> header, ulong sequence)
    {
        header.Store(frame);
        Unsafe.WriteUnaligned(frame + SequenceOffset, sequence);
    }

    /// <summary>True when every byte is what <see cref="Fill"/> wrote.</summary>
    internal static bool IsWhole(byte* frame, int length, Vector128<byte> header)
    {
        ulong sequence = Sequence(frame);
        var expected = Unsafe.BitCast<Vector128<byte>, UInt128>(header) & ((UInt128.One << (8 * Ethernet.HeaderLength)) - 1);
        var actual = Unsafe.ReadUnaligned<UInt128>(frame) & ((UInt128.One << (8 * Ethernet.HeaderLength)) - 1);
        ulong pattern = PatternOf(Source(frame), sequence);
        ulong sum = HeaderSum(frame, length, sequence);
        ulong difference = 0;
        for (int at = PatternOffset; at < length; at += sizeof(ulong))
        {
            pattern += Step;
            ulong word = Unsafe.ReadUnaligned<ulong>(frame + at) & Inside(length - at);
            difference |= word ^ (Word(pattern) & Inside(length - at));
            sum = Add(sum, word);
        }
        return actual == expected && difference == 0 && sum == Unsafe.ReadUnaligned<ulong>(frame + ChecksumOffset);
    }

    /// <summary>Writes a frame of <see cref="MinLength"/> bytes that makes its sender known.</summary>
    internal static void FillHello(byte* frame, MacAddress from, bool heard)
    {
        new Span<byte>(frame, MinLength).Clear();
        Header(MacAddress.Broadcast, from, HelloType).Store(frame);
        frame[HeardOffset] = heard ? (byte)1 : (byte)0;
        frame[HeardOffset + 1] = 0;
    }

    /// <summary>Whether the sender of a hello has heard the receiver.</summary>
    internal static bool HelloSaysHeard(byte* frame) => frame[HeardOffset] != 0;

    /// <summary>The Ethernet type as it loads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ushort Type(byte* frame) => Unsafe.ReadUnaligned<ushort>(frame + TypeOffset);

    /// <summary>Source address and type in one number: what tells a sender's numbered frames from all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Sign(byte* frame) => Unsafe.ReadUnaligned<ulong>(frame + 6);

    /// <summary>The <see cref="Sign"/> of frames with this header.</summary>
    internal static ulong SignOf(Vector128<byte> header) => Sign((byte*)&header);

    /// <summary>The destination address.</summary>
    internal static ulong Destination(byte* frame) => Unsafe.ReadUnaligned<ulong>(frame) & MacAddress.Mask;

    /// <summary>The source address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Source(byte* frame) => Unsafe.ReadUnaligned<ulong>(frame + 6) & MacAddress.Mask;

    /// <summary>The sequence number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Sequence(byte* frame) => Unsafe.ReadUnaligned<ulong>(frame + SequenceOffset);

    private static ulong PatternOf(ulong source, ulong sequence) => (sequence + source + 1) * Multiplier;

    private static ulong Word(ulong pattern) => pattern ^ (pattern >> 29);

    private static ulong HeaderSum(byte* frame, int length, ulong sequence) =>
        Add(Add(Add((ulong)length, Unsafe.ReadUnaligned<ulong>(frame)), Unsafe.ReadUnaligned<ulong>(frame + 6)), sequence);

    private static ulong Add(ulong sum, ulong word) => BitOperations.RotateLeft((sum ^ word) * Multiplier, 29);

    private static ulong Inside(int left) => left >= sizeof(ulong) ? ulong.MaxValue : (1UL << (8 * left)) - 1;
}
