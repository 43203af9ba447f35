using VhostSwitch.Interop.Rig;
using VhostSwitch.Packets;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Bench.Paths;

/// <summary>A switch to be measured: started on a core of its own, with sockets for two guests.</summary>
/// <param name="name">Its name.</param>
/// <param name="what">What it is and how it is started.</param>
/// <param name="usualPorts">How many ports it has where the case does not say.</param>
internal abstract class Contender(string name, string what, int usualPorts) : IAsyncDisposable
{
    /// <summary>The core every contender polls on; the load has the other one.</summary>
    public const int SwitchCore = 0;

    // How long a share of cycles is measured.
    protected static readonly TimeSpan Look = TimeSpan.FromSeconds(0.5);

    private readonly List<VirtioUser.VirtioUserPort> _idle = [];

    public string Name { get; } = name;

    /// <summary>The process whose time is the switch's.</summary>
    public abstract int Pid { get; }

    /// <summary>One line for the report.</summary>
    public string Describe(Settings settings) => $"{Name}: {what}, {PortsIn(settings)} ports";

    /// <summary>Why a case cannot be measured with it, as a line of the report; null where it can.</summary>
    public virtual string? WhyNot(Settings settings) => null;

    /// <summary>The network namespace it is started in; null for the host's.</summary>
    public NetworkNamespace? Place { get; set; }

    /// <summary>How many ports it has in a case: two for the guests, the others attached and idle; or guests and uplinks.</summary>
    public virtual int PortsIn(Settings settings) => settings.Uplink?.Ports ?? settings.Ports ?? usualPorts;

    /// <summary>Starts it, and attaches the idle ports.</summary>
    /// <returns>The sockets of the two guests; the same where there is one.</returns>
    public async Task<(string First, string Second)> StartAsync(TestFolder folder, Settings settings)
    {
        var sockets = await ServeAsync(folder, settings);
        for (int i = 2; i < sockets.Count; i++)
        {
            var options = new VirtioUserOptions { Path = sockets[i], Mac = new MacAddress(0x02 | ((ulong)i << 40)), Features = settings.Features };
            var port = new VirtioUser.VirtioUserPort(options);
            _idle.Add(port);
            port.Start();
        }
        return (sockets[0], sockets[Math.Min(1, sockets.Count - 1)]);
    }

    /// <summary>What it has printed, where that is kept.</summary>
    public virtual Transcript? Transcript => null;

    /// <summary>Stops its threads, so that another contender has the core.</summary>
    public void Suspend() => ChildSignals.Send(Pid, ChildSignal.Stop);

    /// <summary>Lets it go on.</summary>
    public void Resume() => ChildSignals.Send(Pid, ChildSignal.Continue);

    /// <summary>What it says of itself while the load runs.</summary>
    public abstract Task<Inspection> InspectAsync();

    /// <summary>Frames that it has sent to its uplink.</summary>
    public virtual Task<long> SentToUplinkAsync() => throw new NotSupportedException($"{Name} is not measured with uplinks");

    public async ValueTask DisposeAsync()
    {
        _idle.ForEach(port => port.Dispose());
        _idle.Clear();
        await EndAsync();
    }

    /// <summary>Starts it.</summary>
    /// <returns>The sockets of all its ports.</returns>
    protected abstract Task<IReadOnlyList<string>> ServeAsync(TestFolder folder, Settings settings);

    protected abstract ValueTask EndAsync();
}
