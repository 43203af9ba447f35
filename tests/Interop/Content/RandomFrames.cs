using System.Buffers.Binary;
using VhostSwitch.Packets;

namespace VhostSwitch.Interop.Content;

/// <summary>Numbered frames of random bytes and random lengths from one station to another. The same number gives the same frame again.</summary>
internal sealed class RandomFrames
{
    /// <summary>Ethernet's shortest frame without its checksum.</summary>
    public const int ShortestFrame = 60;

    /// <summary>Ethernet's longest frame without its checksum.</summary>
    public const int LongestFrame = 1514;

    /// <summary>
    /// Seven of DPDK's small buffers. Of eight buffers and more its driver makes chains in the ring and no indirect tables, and its
    /// ids are wrong after chains and tables were mixed on a packed ring that is not in order (seen with 22.11: the id of a table's
    /// descriptor is never written, virtqueue_enqueue_xmit_packed).
    /// </summary>
    public const int LongestJumboFrame = 7000;

    /// <summary>For local experiments (IEEE 802, 9.2.4).</summary>
    private const ushort EtherType = 0x88b5;

    private const int NumberOffset = Ethernet.HeaderLength;
    private const int BodyOffset = NumberOffset + sizeof(ulong);

    // Off-by-one errors live at the edges.
    private static readonly int[] EdgeLengths = [60, 61, 63, 64, 65, 1499, 1500, 1513, 1514];

    private readonly byte[] _pool = new byte[1 << 20];
    private readonly int[] _starts;
    private readonly int[] _lengths;
    private readonly int[] _parts;
    private readonly byte[] _header = new byte[Ethernet.HeaderLength];

    /// <param name="to">The destination of what is sent.</param>
    /// <param name="from">Its source.</param>
    /// <param name="seed">Decides all of it.</param>
    /// <param name="jumbo">Lengths up to <see cref="LongestJumboFrame"/>.</param>
    public RandomFrames(MacAddress to, MacAddress from, int count, int seed, bool jumbo)
    {
        Random random = new(seed);
        random.NextBytes(_pool);
        _lengths = [.. Enumerable.Range(0, count).Select(_ => NextLength(random, jumbo))];
        _starts = [.. _lengths.Select(length => random.Next(_pool.Length - length))];
        _parts = [.. _lengths.Select(_ => random.Next(1, 5))];
        WriteAddress(_header, 0, to);
        WriteAddress(_header, MacLength, from);
        BinaryPrimitives.WriteUInt16BigEndian(_header.AsSpan(2 * MacLength), EtherType);
    }

    public int Count => _lengths.Length;

    public int LengthOf(int number) => _lengths[number];

    /// <summary>In how many parts a frame is sent, at least.</summary>
    public int PartsOf(int number) => _parts[number];

    /// <summary>Makes a frame as it is sent.</summary>
    public Span<byte> Make(int number, Span<byte> buffer)
    {
        Span<byte> frame = buffer[.._lengths[number]];
        _header.CopyTo(frame);
        BinaryPrimitives.WriteUInt64BigEndian(frame[NumberOffset..], (ulong)number);
        _pool.AsSpan(_starts[number], frame.Length - BodyOffset).CopyTo(frame[BodyOffset..]);
        return frame;
    }

    /// <summary>Makes a frame as macswap sends it back.</summary>
    public Span<byte> MakeSwapped(int number, Span<byte> buffer)
    {
        Span<byte> frame = Make(number, buffer);
        _header.AsSpan(MacLength, MacLength).CopyTo(frame);
        _header.AsSpan(0, MacLength).CopyTo(frame[MacLength..]);
        return frame;
    }

    /// <summary>What a frame looks like, for a message.</summary>
    public static string Describe(ReadOnlySpan<byte> frame) => frame.Length < BodyOffset
        ? $"{frame.Length} bytes: {Convert.ToHexStringLower(frame)}"
        : $"number {BinaryPrimitives.ReadUInt64BigEndian(frame[NumberOffset..])}, {frame.Length} bytes: {Convert.ToHexStringLower(frame[..BodyOffset])}...";

    private const int MacLength = 6;

    private static int NextLength(Random random, bool jumbo) => random.Next(8) switch
    {
        0 => EdgeLengths[random.Next(EdgeLengths.Length)],
        1 when jumbo => random.Next(LongestFrame + 1, LongestJumboFrame + 1),
        _ => random.Next(ShortestFrame, LongestFrame + 1),
    };

    private static void WriteAddress(Span<byte> bytes, int offset, MacAddress address)
    {
        for (int i = 0; i < MacLength; i++)
            bytes[offset + i] = (byte)(address.Value >> (8 * i));
    }
}
