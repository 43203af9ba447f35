using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>The tcpdump of this host: the second opinion on capture files, and a source of them.</summary>
internal static partial class Tcpdump
{
    /// <summary>The frames of a capture file, byte for byte.</summary>
    public static async Task<byte[][]> ReadAsync(string file)
    {
        string text = await ChildProcess.RunAsync("tcpdump -r", "tcpdump", ["-r", file, "-xx", "-n", "-t"], Limits.Step);
        List<List<byte>> frames = [];
        foreach (Match line in HexLine().Matches(text))
        {
            if (line.Groups["at"].Value == "0000")
                frames.Add([]);
            frames[^1].AddRange(Convert.FromHexString(line.Groups["bytes"].Value.Replace(" ", "", StringComparison.Ordinal)));
        }
        return [.. frames.Select(frame => frame.ToArray())];
    }

    /// <summary>Captures what comes in at an interface of a namespace while something happens.</summary>
    /// <param name="leastLength">How long the file is at least once everything is in it that the test needs.</param>
    public static async Task CaptureAsync(NetworkNamespace place, string interfaceName, string file, long leastLength, Func<Task> meanwhile)
    {
        // As root it would become another user before it opens the file.
        await using ChildProcess capture = place.Start("tcpdump -w", "tcpdump", ["-i", interfaceName, "-w", file, "-U", "-Q", "in", "-Z", "root"]);
        await capture.WaitForLineAsync(Listening(), Limits.Step);
        await meanwhile();
        await Until.TrueAsync(() => new FileInfo(file).Length >= leastLength, Limits.Step, $"tcpdump has written {leastLength} bytes",
            capture.Transcript.ToString);
        capture.Signal(ChildSignal.Interrupt);
        if (await capture.WaitForExitAsync(Limits.Step) is var code && code != 0)
            throw new RigException($"tcpdump ended with {code}", capture.Transcript);
    }

    [GeneratedRegex(@"^\s+0x(?<at>[0-9a-f]{4}):\s+(?<bytes>[0-9a-f ]+)$", RegexOptions.Multiline)]
    private static partial Regex HexLine();

    [GeneratedRegex("listening on ")]
    private static partial Regex Listening();
}
