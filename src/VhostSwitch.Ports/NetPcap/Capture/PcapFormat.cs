using System.Buffers.Binary;

namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>Writes what <see cref="PcapReader"/> reads.</summary>
internal sealed class PcapFormat : CaptureFormat
{
    private const long NsPerSecond = 1_000_000_000;

    /// <inheritdoc/>
    public override int WriteHeader(Span<byte> to, uint snapLength)
    {
        to = to[..PcapReader.HeaderLength];
        to.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(to, PcapReader.NanosecondMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(to[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(to[16..], snapLength);
        BinaryPrimitives.WriteUInt32LittleEndian(to[20..], CaptureReader.Ethernet);
        return PcapReader.HeaderLength;
    }

    /// <inheritdoc/>
    public override int RecordLength(int stored) => PcapReader.RecordHeaderLength + stored;

    /// <inheritdoc/>
    public override void WriteRecord(Span<byte> to, long timestampNs, uint originalLength, ReadOnlySpan<byte> stored)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, (uint)(timestampNs / NsPerSecond));
        BinaryPrimitives.WriteUInt32LittleEndian(to[4..], (uint)(timestampNs % NsPerSecond));
        BinaryPrimitives.WriteUInt32LittleEndian(to[8..], (uint)stored.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(to[12..], originalLength);
        stored.CopyTo(to[PcapReader.RecordHeaderLength..]);
    }
}
