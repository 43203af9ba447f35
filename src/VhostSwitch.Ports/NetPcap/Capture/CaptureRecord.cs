namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>A frame in a capture file.</summary>
/// <param name="Offset">Where its first byte lies, from the start of the file.</param>
/// <param name="Length">How many of its bytes the file has.</param>
/// <param name="OriginalLength">Its length when it was captured.</param>
/// <param name="TimestampNs">When it was captured, in nanoseconds since 1970 (UTC).</param>
public readonly record struct CaptureRecord(ulong Offset, uint Length, uint OriginalLength, long TimestampNs);
