using VhostSwitch.Control.Show;
using VhostSwitch.Control.Unixctl;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// How often and how long the runtime stops this switch's poll thread while its control plane is used, and beside it how often the machine stops a loop
/// in C on the same core. The switch's turns follow each other without a gap in which it could collect its garbage; half of the loop's are before them,
/// the others behind, and the switch sleeps meanwhile.
/// </summary>
internal sealed class Pauses(Settings settings, int rounds, Action<string> progress)
{
    /// <summary>Longer pauses count, in microseconds.</summary>
    public const int LimitUs = 50;

    /// <summary>The loop's name.</summary>
    public const string Loop = "C spin loop";

    /// <summary>Runs everything.</summary>
    public async Task<PausesReport> RunAsync()
    {
        using var folder = new TestFolder();
        var loop = await SpinLoop.CompileAsync(folder);
        var samples = new List<PauseSample>();
        await using var ours = new Ours();
        var sockets = await ours.StartAsync(folder, settings);
        using (var pair = await LeanPair.StartAsync(sockets, settings, Load.LoadCore))
        {
            int half = rounds / 2;
            for (int round = 1; round <= half; round++)
                Add(await SpinAsync(round));
            await pair.SendAsync(new Traffic(null));
            await using (new ControlUse(folder.File("ctl"), sockets.First))
            {
                for (int round = 1; round <= rounds; round++)
                    Add(await WatchAsync(ours, folder.File("ctl"), round));
            }
            await pair.SendAsync(Traffic.None);
            for (int round = half + 1; round <= rounds; round++)
                Add(await SpinAsync(round));
            await pair.EndAsync();
        }
        string[] legend = [ours.Describe(settings), $"control plane: {ControlUse.What}", "C spin loop: reads the clock on the switch's core, which sleeps"];
        return new PausesReport(settings, samples, PausesReport.FindingsOf(samples), legend, Machine.Describe());

        async Task<PauseSample> SpinAsync(int round)
        {
            var (over, longest) = await loop.RunAsync(Contender.SwitchCore, TimeSpan.FromSeconds(settings.Seconds), LimitUs);
            return new PauseSample(Loop, round, settings.Seconds, over, longest);
        }

        void Add(PauseSample sample)
        {
            samples.Add(sample);
            progress($"turn {sample.Round} of {rounds}: {sample.Tell()}");
        }
    }

    private async Task<PauseSample> WatchAsync(Ours ours, string control, int round)
    {
        var before = await SnapshotAsync(control);
        var watch = new SuspensionWatch(ours.Pid);
        await Task.Delay(TimeSpan.FromSeconds(settings.Seconds));
        var all = await watch.EndAsync();
        var after = await SnapshotAsync(control);
        return new PauseSample(
            ours.Name, round, settings.Seconds, Over(all, isCollection: true), all.Select(s => s.Us).DefaultIfEmpty(0).Max(), Over(all, isCollection: false),
            all, after.Runtime.Collections - before.Runtime.Collections, after.PollThreads[0].AllocatedBytes,
            (after.Runtime.AllocatedBytes - before.Runtime.AllocatedBytes) / settings.Seconds / 1000);
    }

    private static int Over(IReadOnlyList<Suspension> all, bool isCollection) => all.Count(s => s.IsCollection == isCollection && s.Us > LimitUs);

    private static async Task<SwitchSnapshot> SnapshotAsync(string control)
    {
        using var client = await UnixctlClient.ConnectAsync(control);
        return ShowJson.ReadSnapshot(await client.CallAsync("show", [SwitchCommands.JsonArgument]));
    }
}
