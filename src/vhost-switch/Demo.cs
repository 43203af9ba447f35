using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Vhost.Net;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Program;

/// <summary>How a demo ended.</summary>
/// <param name="Frames">Frames that arrived, unchanged and in order.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Lost">Frames that never arrived.</param>
/// <param name="Changed">Frames with a wrong byte.</param>
/// <param name="OutOfOrder">Frames that overtook another one.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Mpps">Million frames a second, both directions added.</param>
public sealed record DemoResult(ulong Frames, ulong Bytes, ulong Lost, ulong Changed, ulong OutOfOrder, double Seconds, double Mpps)
{
    /// <summary>True where frames flowed and nothing was wrong with any of them.</summary>
    [JsonIgnore]
    public bool Flawless => Frames > 0 && Lost == 0 && Changed == 0 && OutOfOrder == 0;
}

/// <summary>
/// The whole path in one process: a switch as it always runs, and two guests that drive virtio-net devices on its sockets and
/// send each other numbered frames with a checksum. Needs no rights, no huge pages and no other program.
/// </summary>
public static class Demo
{
    private static readonly TimeSpan AcquaintanceLimit = TimeSpan.FromSeconds(20);

    /// <summary>Runs the demo and prints rates each second and totals at the end.</summary>
    /// <param name="options">What was asked for.</param>
    /// <param name="factory">Makes the queues of the switch; the default one but in tests that must see a wrong copy be noticed.</param>
    /// <param name="output">Where to print.</param>
    /// <returns>0 when every frame arrived unchanged and in order, 1 otherwise.</returns>
    public static int Run(DemoOptions options, GuestQueueFactory factory, TextWriter output)
    {
        string folder = Directory.CreateTempSubdirectory("vhost-switch-demo-").FullName;
        try
        {
            string[] paths = [Path.Combine(folder, "guest0"), Path.Combine(folder, "guest1")];
            // One core for the switch and another for the guests; on a single core they share it.
            int[] cores = CpuAffinity.Current();
            var configuration = new SwitchConfiguration { SocketPaths = paths, PollCores = [cores[^1]], ControlCores = [cores[0]] };
            Action<LogLevel, string> log = options.Json ? (_, _) => { } : (_, line) => output.WriteLine($"switch: {line}");
            using var instance = SwitchInstance.Start(configuration, factory, log);
            var result = Talk(options, paths, cores[0], output);
            output.WriteLine(options.Json ? JsonSerializer.Serialize(result, DemoJson.Default.DemoResult) : Describe(result));
            return result.Flawless ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static DemoResult Talk(DemoOptions options, string[] paths, int guestCore, TextWriter output)
    {
        MacAddress[] macs = [MacAddress.Parse("02:00:00:00:00:01"), MacAddress.Parse("02:00:00:00:00:02")];
        using var port0 = new VirtioUserPort(new VirtioUserOptions { Path = paths[0], Mac = macs[0] });
        using var port1 = new VirtioUserPort(new VirtioUserOptions { Path = paths[1], Mac = macs[1] });
        port0.Start();
        port1.Start();
        var guestOptions = new DemoGuestOptions { FrameLengths = [options.FrameBytes] };
        using var pair = new DemoGuestPair(new DemoGuest(port0, macs[1], guestOptions), new DemoGuest(port1, macs[0], guestOptions));
        pair.StartOnOneThread(guestCore);
        if (!pair.WaitUntilAcquainted(AcquaintanceLimit))
            throw new TimeoutException($"the two guests have not heard of each other within {AcquaintanceLimit.TotalSeconds} s");
        long start = Stopwatch.GetTimestamp();
        ulong before = 0;
        for (int second = 1; second <= options.Seconds; second++)
        {
            var left = TimeSpan.FromSeconds(second) - Stopwatch.GetElapsedTime(start);
            if (left > TimeSpan.Zero) Thread.Sleep(left);
            ulong now = pair.Received;
            if (!options.Json) output.WriteLine($"{second,4} s  {(now - before) / 1e6,8:F3} Mpps  {now,14:N0} frames  {Errors(pair)}");
            before = now;
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double rate = pair.Received / seconds / 1e6;
        pair.Finish();
        DemoGuest[] guests = [pair.First, pair.Second];
        return new DemoResult(pair.Received, Sum(guests, g => g.ReceivedBytes), Sum(guests, g => g.Lost), Sum(guests, g => g.Changed),
            Sum(guests, g => g.OutOfOrder), Math.Round(seconds, 3), Math.Round(rate, 3));
    }

    private static string Errors(DemoGuestPair pair) => pair.Flawless ? "all right" : "ERRORS";

    private static string Describe(DemoResult result) =>
        $"{result.Frames:N0} frames of two guests in {result.Seconds:F1} s ({result.Mpps:F3} Mpps): "
        + $"{result.Lost} lost, {result.Changed} changed, {result.OutOfOrder} out of order\n"
        + (result.Flawless ? "PASS: every frame arrived once, unchanged and in order" : "FAIL");

    private static ulong Sum(DemoGuest[] guests, Func<DemoGuest, ulong> value) => guests.Aggregate(0UL, (sum, guest) => sum + value(guest));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DemoResult))]
internal sealed partial class DemoJson : JsonSerializerContext;
