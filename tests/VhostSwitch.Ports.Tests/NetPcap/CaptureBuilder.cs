using System.Buffers.Binary;

namespace VhostSwitch.Ports.Tests.NetPcap;

/// <summary>Capture files written number by number, in either byte order; nothing of the switch's own writers is used.</summary>
internal sealed class CaptureBuilder(bool bigEndian = false)
{
    public const uint Microseconds = 0xa1b2c3d4;
    public const uint Nanoseconds = 0xa1b23c4d;

    private readonly List<byte> _bytes = [];

    public byte[] Bytes => [.. _bytes];

    public int Length => _bytes.Count;

    public CaptureBuilder U16(params ReadOnlySpan<ushort> values)
    {
        foreach (ushort value in values)
            Add(BitConverter.GetBytes(bigEndian ? BinaryPrimitives.ReverseEndianness(value) : value));
        return this;
    }

    public CaptureBuilder U32(params ReadOnlySpan<uint> values)
    {
        foreach (uint value in values)
            Add(BitConverter.GetBytes(bigEndian ? BinaryPrimitives.ReverseEndianness(value) : value));
        return this;
    }

    public CaptureBuilder U64(ulong value)
    {
        Add(BitConverter.GetBytes(bigEndian ? BinaryPrimitives.ReverseEndianness(value) : value));
        return this;
    }

    public CaptureBuilder Add(byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public CaptureBuilder PcapHeader(uint magic = Microseconds, uint linkType = 1, uint snapLength = 65535) =>
        U32(magic).U16(2, 4).U32(0, 0, snapLength, linkType);

    public CaptureBuilder PcapRecord(byte[] frame, uint seconds = 1, uint fraction = 0, uint? captured = null, uint? original = null) =>
        U32(seconds, fraction, captured ?? (uint)frame.Length, original ?? (uint)frame.Length).Add(frame);

    /// <summary>A block with its lengths, and zeros up to a multiple of four bytes.</summary>
    public CaptureBuilder Block(uint type, Func<CaptureBuilder, CaptureBuilder> body)
    {
        var inner = body(new CaptureBuilder(bigEndian))._bytes;
        inner.AddRange(new byte[-inner.Count & 3]);
        uint length = 12 + (uint)inner.Count;
        return U32(type, length).Add([.. inner]).U32(length);
    }

    public CaptureBuilder Section() => Block(0x0a0d0d0a, b => b.U32(0x1a2b3c4d).U16(1, 0).U64(ulong.MaxValue));

    public CaptureBuilder Interface(ushort linkType = 1, uint snapLength = 0, Func<CaptureBuilder, CaptureBuilder>? options = null) =>
        Block(1, b => (options ?? (o => o))(b.U16(linkType, 0).U32(snapLength)));

    public CaptureBuilder Option(ushort code, params byte[] value) => U16(code, (ushort)value.Length).Add(value).Add(new byte[-value.Length & 3]);

    public CaptureBuilder Packet(byte[] frame, ulong units = 0, uint number = 0, uint? captured = null, uint? original = null) =>
        Block(6, b => b.U32(number, (uint)(units >> 32), (uint)units, captured ?? (uint)frame.Length, original ?? (uint)frame.Length).Add(frame));

    public CaptureBuilder SimplePacket(byte[] frame, uint? original = null) => Block(3, b => b.U32(original ?? (uint)frame.Length).Add(frame));
}
