using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>What one run of a load came to.</summary>
/// <param name="Mpps">Million frames a second that arrived at the guests, both directions added.</param>
/// <param name="GuestsBusy">The share of the guests' rounds in which there was something to do; null where the load cannot tell.</param>
/// <param name="Lost">Frames lost; null where the load cannot tell.</param>
/// <param name="Changed">Frames with a wrong byte; null where the load does not look.</param>
internal sealed record LoadResult(double Mpps, double? GuestsBusy, ulong? Lost, ulong? Changed);

/// <summary>Two guests on one core that exchange frames through a contender.</summary>
internal abstract class Load(string name, string what)
{
    /// <summary>The core of every load.</summary>
    public const int LoadCore = 1;

    public string Name { get; } = name;

    public string What { get; } = what;

    /// <summary>Runs the load and measures in the middle of it.</summary>
    /// <param name="folder">For its files.</param>
    /// <param name="sockets">The guests' sockets.</param>
    /// <param name="settings">The case.</param>
    /// <param name="inspect">Called while frames flow, after the measurement.</param>
    public abstract Task<LoadResult> RunAsync(TestFolder folder, (string First, string Second) sockets, Settings settings, Func<Task> inspect);
}
