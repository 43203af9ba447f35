using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>A frame as tcpdump prints it with -e.</summary>
/// <param name="Vlan">The id of its tag; null without one.</param>
internal sealed record CapturedFrame(string From, string To, int? Vlan, string Text);

/// <summary>What tcpdump sees at an interface.</summary>
internal sealed class WireCapture : IAsyncDisposable
{
    private static readonly Regex Header = new(@"^(?<from>[0-9a-f:]{17}) > (?<to>[0-9a-f:]{17}|Broadcast), (?:ethertype 802\.1Q \(0x8100\), length \d+: vlan (?<vlan>\d+), p \d+, )?(?<text>.*)$");

    private readonly ChildProcess _process;

    private WireCapture(ChildProcess process) => _process = process;

    public Transcript Transcript => _process.Transcript;

    /// <summary>The frames so far.</summary>
    public IReadOnlyList<CapturedFrame> Frames => [.. Transcript.Lines().Select(line => Header.Match(line)).Where(match => match.Success).Select(Read)];

    /// <summary>Starts tcpdump and waits until it listens.</summary>
    /// <param name="filter">What it is to see, in its own language.</param>
    public static async Task<WireCapture> StartAsync(NetworkNamespace place, string device, string filter = "")
    {
        string[] arguments = ["-i", device, "-e", "-n", "-t", "-l", "--immediate-mode", .. filter.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        var capture = new WireCapture(place.Start($"tcpdump {device}", "tcpdump", arguments));
        await capture._process.WaitForLineAsync(new Regex("^listening on"), Limits.Step);
        return capture;
    }

    /// <summary>Waits until there is such a frame.</summary>
    public Task WaitForAsync(Func<CapturedFrame, bool> condition, string what) =>
        Until.TrueAsync(() => Frames.Any(condition), Limits.Step, what, Transcript.ToString);

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static CapturedFrame Read(Match match) => new(
        match.Groups["from"].Value, match.Groups["to"].Value, match.Groups["vlan"].Success ? int.Parse(match.Groups["vlan"].Value) : null, match.Groups["text"].Value);
}
