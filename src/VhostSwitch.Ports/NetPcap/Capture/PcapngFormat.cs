using System.Buffers.Binary;

namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>Writes what <see cref="PcapngReader"/> reads: one section with one interface, and an enhanced packet block for each frame.</summary>
internal sealed class PcapngFormat : CaptureFormat
{
    private const int SectionLength = 28;
    private const int InterfaceLength = 32;
    private const int PacketHeaderLength = 28;
    private const byte Nanoseconds = 9;

    /// <inheritdoc/>
    public override int WriteHeader(Span<byte> to, uint snapLength)
    {
        to = to[..(SectionLength + InterfaceLength)];
        to.Clear();
        BeginBlock(to, PcapngReader.SectionHeader, SectionLength);
        BinaryPrimitives.WriteUInt32LittleEndian(to[8..], PcapngReader.ByteOrderMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(to[12..], 1);
        // The section's length is not known before its end: -1 says so.
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], -1);
        var description = to[SectionLength..];
        BeginBlock(description, PcapngReader.InterfaceDescription, InterfaceLength);
        BinaryPrimitives.WriteUInt16LittleEndian(description[8..], CaptureReader.Ethernet);
        BinaryPrimitives.WriteUInt32LittleEndian(description[12..], snapLength);
        BinaryPrimitives.WriteUInt16LittleEndian(description[16..], PcapngReader.TimestampResolution);
        BinaryPrimitives.WriteUInt16LittleEndian(description[18..], 1);
        description[20] = Nanoseconds;
        return to.Length;
    }

    /// <inheritdoc/>
    public override int RecordLength(int stored) => PacketHeaderLength + Padded(stored) + sizeof(uint);

    /// <inheritdoc/>
    public override void WriteRecord(Span<byte> to, long timestampNs, uint originalLength, ReadOnlySpan<byte> stored)
    {
        to = to[..RecordLength(stored.Length)];
        BeginBlock(to, PcapngReader.EnhancedPacket, to.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(to[8..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(to[12..], (uint)(timestampNs >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(to[16..], (uint)timestampNs);
        BinaryPrimitives.WriteUInt32LittleEndian(to[20..], (uint)stored.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(to[24..], originalLength);
        stored.CopyTo(to[PacketHeaderLength..]);
        to[(PacketHeaderLength + stored.Length)..^sizeof(uint)].Clear();
    }

    private static int Padded(int length) => (length + 3) & ~3;

    private static void BeginBlock(Span<byte> to, uint type, int length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, type);
        BinaryPrimitives.WriteUInt32LittleEndian(to[4..], (uint)length);
        BinaryPrimitives.WriteUInt32LittleEndian(to[(length - sizeof(uint))..], (uint)length);
    }
}
