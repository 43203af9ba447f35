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

    /// <summary>How many ports it has in a case: two for the guests, the others attached and idle.</summary>
    public virtual int PortsIn(Settings settings) => settings.Ports ?? usualPorts;

    /// <summary>Starts it, and attaches the idle ports.</summary>
    /// <returns>The sockets of the two guests.</returns>
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
        return (sockets[0], sockets[1]);
    }

    /// <summary>What it says of itself while the load runs.</summary>
    public abstract Task<Inspection> InspectAsync();

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
