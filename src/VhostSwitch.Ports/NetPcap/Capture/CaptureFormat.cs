namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>A format that capture files are written in, with nanoseconds and in the byte order of this machine's processors (lowest first).</summary>
internal abstract class CaptureFormat
{
    /// <summary>The format libpcap writes.</summary>
    public static readonly CaptureFormat Pcap = new PcapFormat();

    /// <summary>The format Wireshark writes.</summary>
    public static readonly CaptureFormat Pcapng = new PcapngFormat();

    /// <summary>Writes what a file begins with.</summary>
    /// <param name="to">Enough room.</param>
    /// <param name="snapLength">The most bytes of a frame that the file will have.</param>
    /// <returns>How many bytes were written.</returns>
    public abstract int WriteHeader(Span<byte> to, uint snapLength);

    /// <summary>The length of a record in bytes.</summary>
    /// <param name="stored">How many bytes of its frame it has.</param>
    public abstract int RecordLength(int stored);

    /// <summary>Writes a record.</summary>
    /// <param name="to">Room for <see cref="RecordLength"/> bytes.</param>
    /// <param name="timestampNs">When the frame was sent, in nanoseconds since 1970 (UTC).</param>
    /// <param name="originalLength">The frame's length.</param>
    /// <param name="stored">Its bytes, as far as the file is to have them.</param>
    public abstract void WriteRecord(Span<byte> to, long timestampNs, uint originalLength, ReadOnlySpan<byte> stored);
}
