using VhostSwitch.Ports.NetPcap.Capture;
using Xunit;

namespace VhostSwitch.Ports.Tests.NetPcap;

/// <summary>A capture file as the switch reads it, with the bytes of its frames.</summary>
internal sealed record Parsed(CaptureRecord[] Records, byte[][] Frames, ulong? EndsEarlyAt)
{
    /// <param name="file">The file.</param>
    /// <param name="behind">What lies in memory behind it.</param>
    public static unsafe Parsed Read(byte[] file, byte behind = 0xee)
    {
        byte[] memory = [.. file, .. Enumerable.Repeat(behind, 64)];
        fixed (byte* data = memory)
        {
            var contents = CaptureReader.Read(new CaptureBytes("in.pcap", data, (ulong)file.Length));
            byte[][] frames = [.. contents.Records.Select(r => file.AsSpan(checked((int)r.Offset), checked((int)r.Length)).ToArray())];
            return new Parsed(contents.Records, frames, contents.EndsEarlyAt);
        }
    }

    public static string Error(byte[] file) => Assert.Throws<PortException>(() => Read(file)).Message;
}
