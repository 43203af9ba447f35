using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace VhostSwitch.Bench.Paths;

/// <summary>One time in which the runtime stood still.</summary>
/// <param name="Reason">Why, as the runtime calls it.</param>
/// <param name="IsCollection">For its garbage.</param>
/// <param name="Us">From the wish to stop all threads until they went on, in microseconds.</param>
internal sealed record Suspension(string Reason, bool IsCollection, double Us);

/// <summary>
/// Hears from the runtime of another process whenever it stops all threads, whatever the reason, by the events it sends over its diagnostics socket.
/// </summary>
internal sealed class SuspensionWatch
{
    private const string Runtime = "Microsoft-Windows-DotNETRuntime";

    // The events of collections; every suspension is told among them.
    private const long CollectionKeyword = 0x1;

    private readonly EventPipeSession _session;
    private readonly Task<int> _reading;
    private readonly List<Suspension> _all = [];

    /// <summary>Begins to listen.</summary>
    public SuspensionWatch(int pid)
    {
        var provider = new EventPipeProvider(Runtime, EventLevel.Informational, CollectionKeyword);
        _session = new DiagnosticsClient(pid).StartEventPipeSession([provider], requestRundown: false);
        _reading = Task.Run(Read);
    }

    /// <summary>Ends listening.</summary>
    /// <returns>All suspensions since the beginning.</returns>
    public async Task<IReadOnlyList<Suspension>> EndAsync()
    {
        await _session.StopAsync(CancellationToken.None);
        int missing = await _reading;
        _session.Dispose();
        return missing == 0 ? _all : throw new InvalidOperationException($"{missing} events of the runtime did not arrive");
    }

    private int Read()
    {
        using var source = new EventPipeEventSource(_session.EventStream);
        (string Reason, bool IsCollection, double Ms)? begun = null;
        source.Clr.GCSuspendEEStart += e => begun =
            ($"{e.Reason}", e.Reason is GCSuspendEEReason.SuspendForGC or GCSuspendEEReason.SuspendForGCPrep, e.TimeStampRelativeMSec);
        source.Clr.GCRestartEEStop += e =>
        {
            if (begun is not { } begin) return;
            _all.Add(new Suspension(begin.Reason, begin.IsCollection, 1000 * (e.TimeStampRelativeMSec - begin.Ms)));
            begun = null;
        };
        source.Process();
        return source.EventsLost;
    }
}
