using System.Text.RegularExpressions;

namespace VhostSwitch.Interop.Rig;

/// <summary>
/// The counters of one testpmd port, as "show port stats all" prints them. Receive and transmit are testpmd's: received is
/// what came from the other side of the socket. The rates are since the show before.
/// </summary>
internal sealed record TestpmdCounters(
    int Port,
    long ReceivedFrames,
    long ReceivedMissed,
    long ReceivedBytes,
    long ReceivedErrors,
    long ReceivedWithoutBuffer,
    long SentFrames,
    long SentErrors,
    long SentBytes,
    long ReceivedPerSecond,
    long SentPerSecond)
{
    private static readonly Regex Start = new(@"NIC statistics for port (\d+)");
    private static readonly Regex Counter = new(@"([RT][Xx]-[a-z]+):\s*(\d+)");

    /// <summary>Reads the blocks of all ports from what the command printed.</summary>
    public static IReadOnlyList<TestpmdCounters> Parse(IEnumerable<string> lines)
    {
        List<(int Port, Dictionary<string, long> Values)> ports = [];
        foreach (string line in lines)
        {
            if (Start.Match(line) is { Success: true } start)
                ports.Add((int.Parse(start.Groups[1].Value), []));
            else if (ports.Count > 0)
            {
                foreach (Match counter in Counter.Matches(line))
                    ports[^1].Values[counter.Groups[1].Value] = long.Parse(counter.Groups[2].Value);
            }
        }
        return [.. ports.Select(p => new TestpmdCounters(
            p.Port,
            p.Values["RX-packets"],
            p.Values["RX-missed"],
            p.Values["RX-bytes"],
            p.Values["RX-errors"],
            p.Values["RX-nombuf"],
            p.Values["TX-packets"],
            p.Values["TX-errors"],
            p.Values["TX-bytes"],
            p.Values["Rx-pps"],
            p.Values["Tx-pps"]))];
    }
}
