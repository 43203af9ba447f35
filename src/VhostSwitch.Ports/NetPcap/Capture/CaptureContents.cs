namespace VhostSwitch.Ports.NetPcap.Capture;

/// <summary>What a capture file holds.</summary>
/// <param name="Records">Its frames, in order.</param>
/// <param name="EndsEarlyAt">The offset of a last record that the file does not hold whole; null where it ends with a whole one.</param>
public sealed record CaptureContents(CaptureRecord[] Records, ulong? EndsEarlyAt);
