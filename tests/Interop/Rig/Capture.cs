using System.Globalization;
using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>tcpdump at an interface: the frames as they are on the wire, tags included.</summary>
internal sealed class Capture : IAsyncDisposable
{
    private static readonly Regex HexLine = new(@"^\s+0x([0-9a-f]+):\s+([0-9a-f ]+?)\s*$");

    private readonly ChildProcess _process;

    private Capture(ChildProcess process) => _process = process;

    public Transcript Transcript => _process.Transcript;

    /// <summary>Starts to listen.</summary>
    /// <param name="filter">In the words of pcap-filter(7).</param>
    public static async Task<Capture> StartAsync(NetworkNamespace place, string name, string filter)
    {
        // A buffer for frames of any length holds 32 of them; with 2048 bytes of each it holds a thousand.
        // Received frames only, one write a line, each frame at once, with its link-level header in hexadecimal.
        Capture capture = new(place.Start($"tcpdump on {name}", "tcpdump", ["-i", name, "-Q", "in", "-l", "--immediate-mode", "-n", "-xx", "-s", "2048", filter]));
        await capture._process.WaitForLineAsync(new Regex("listening on"), Limits.Step);
        return capture;
    }

    /// <summary>Waits for so many frames and gives them.</summary>
    public async Task<IReadOnlyList<byte[]>> WaitForFramesAsync(int count, int length)
    {
        await Until.TrueAsync(() => Frames().Count(frame => frame.Length >= length) >= count, Limits.Step, $"{count} frames of {length} bytes were captured", Transcript.ToString);
        return Frames();
    }

    /// <summary>What has arrived so far. The last frame may be incomplete.</summary>
    public IReadOnlyList<byte[]> Frames()
    {
        List<List<byte>> frames = [];
        foreach (string line in Transcript.Lines())
        {
            if (HexLine.Match(line) is not { Success: true } match)
                continue;
            if (int.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture) == 0)
                frames.Add([]);
            frames[^1].AddRange(Convert.FromHexString(match.Groups[2].Value.Replace(" ", "", StringComparison.Ordinal)));
        }
        return [.. frames.Select(frame => frame.ToArray())];
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
