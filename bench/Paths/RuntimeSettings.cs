using System.Diagnostics;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// What settings of the runtime do to this switch, each by turns with those it is shipped with: how soon it serves, how fast the first frames are, and
/// those some seconds later.
/// </summary>
internal sealed class RuntimeSettings(Settings settings, int rounds, Action<string> progress)
{
    /// <summary>What the switch is shipped with.</summary>
    public const string Shipped = "as shipped";

    // How long the first frames are.
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(10);

    private static readonly (string Name, string[] Environment)[] Variants =
    [
        (Shipped, []),
        ("profile-guided (TieredPGO=1)", ["DOTNET_TieredPGO=1"]),
        ("one tier (TieredCompilation=0)", ["DOTNET_TieredCompilation=0"]),
        ("all quick first (TC_QuickJitForLoops=1)", ["DOTNET_TC_QuickJitForLoops=1"]),
        ("nothing precompiled (ReadyToRun=0)", ["DOTNET_ReadyToRun=0"]),
        ("no AVX-512 (EnableAVX512=0)", ["DOTNET_EnableAVX512=0"]),
        ("code pages writable (EnableWriteXorExecute=0)", ["DOTNET_EnableWriteXorExecute=0"]),
    ];

    /// <summary>Runs everything.</summary>
    public async Task<SettingsReport> RunAsync()
    {
        Entrant[] entrants = [.. Variants.Select(v => new Entrant(() => new Ours(v.Name, v.Environment)))];
        // Not counted: the guests' own code is compiled in it.
        progress("a sample that does not count");
        await MeasureAsync(entrants[0], round: 0);
        var samples = await Near.InTurnAsync(rounds, entrants, MeasureAsync, Tell);
        string[] legend = [.. Variants.Select(v => $"{v.Name}: {(v.Environment.Length == 0 ? "default options" : string.Join(' ', v.Environment))}")];
        return new SettingsReport(settings, samples, SettingsReport.FindingsOf(samples), legend, Machine.Describe());
    }

    private void Tell(SettingsSample sample) => progress(
        $"round {sample.Round} of {rounds}: {sample.Contender,-46} serves after {sample.StartMs,4:F0} ms, first frame {sample.FirstFrameMs:F1} ms, {sample.FirstMpps,6:F2} Mpps in the first "
        + $"{First.TotalMilliseconds:F0} ms, {sample.Mpps,6:F2} later, cores {sample.BeforeNs:F0} and {sample.AfterNs:F0} ns apart ({sample.Place.Tell()})");

    private async Task<SettingsSample> MeasureAsync(Entrant entrant, int round)
    {
        using var folder = new TestFolder();
        double before = await Near.WaitAsync();
        double startMs, firstFrame, first, later;
        await using (var ours = (Ours)entrant.Make())
        {
            using var pair = await LeanPair.StartAsync(await ours.StartAsync(folder, settings), settings, Load.LoadCore);
            startMs = ours.StartedIn.TotalMilliseconds;
            firstFrame = pair.FirstFrame.TotalMilliseconds;
            long start = Stopwatch.GetTimestamp();
            await pair.SendAsync(new Traffic(null));
            var left = First - Stopwatch.GetElapsedTime(start);
            if (left > TimeSpan.Zero) await Task.Delay(left);
            first = pair.Received / Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            await Task.Delay(TimeSpan.FromSeconds(settings.WarmUpSeconds));
            later = (await pair.MeasureAsync(TimeSpan.FromSeconds(settings.Seconds))).Mpps;
            await pair.EndAsync();
        }
        return new SettingsSample(entrant.Name, round, startMs, firstFrame, first, later, before, Near.Distance());
    }
}
