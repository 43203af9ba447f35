using VhostSwitch.Control.FileConfiguration;
using VhostSwitch.Control.Ovsdb;
using VhostSwitch.Dataplane;
using VhostSwitch.Ports;
using VhostSwitch.Switching;

namespace VhostSwitch.Control.CommandLine;

/// <summary>What the switch shall do, checked and complete: every option that was not given has its default.</summary>
public sealed record SwitchConfiguration
{
    /// <summary>The name of the socket when neither <c>--socket-file</c> nor <c>--dev-basename</c> names one.</summary>
    public const string DefaultSocketPath = "vhost-net";

    /// <summary>DPDK's <c>--file-prefix</c> when none is given.</summary>
    public const string DefaultFilePrefix = "rte";

    /// <summary>
    /// The vhost-user sockets, as the user wrote them, so relative ones count from the current directory.
    /// No two for the same file, each at most 107 bytes; at least one, but none with <see cref="Ovsdb"/> or <see cref="Config"/>.
    /// </summary>
    public IReadOnlyList<string> SocketPaths { get; init; } = [DefaultSocketPath];

    /// <summary>True where front-ends serve the <see cref="SocketPaths"/> and the switch connects to them; false where the switch serves them.</summary>
    public bool ConnectsToSockets { get; init; }

    /// <summary>The database that the bridges and ports come from; null where they come from elsewhere.</summary>
    public OvsdbTarget? Ovsdb { get; init; }

    /// <summary>The file that the bridges and ports come from; null where they come from elsewhere. Never with <see cref="Ovsdb"/>.</summary>
    public ConfigTarget? Config { get; init; }

    /// <summary>The devices of <c>--vdev</c> and <c>-a</c> that are ports of the switch, each with a name of its own.</summary>
    public IReadOnlyList<Vdev> Devices { get; init; } = [];

    /// <summary>How frames are switched.</summary>
    public SwitchMode Mode { get; init; } = SwitchMode.Bridge;

    /// <summary>The one of <see cref="Devices"/> that is the uplink of vmdq mode; null where there is none.</summary>
    public Vdev? Uplink { get; init; }

    /// <summary>True where the user named no device, so that the switch goes on without an <see cref="Uplink"/> that cannot be made.</summary>
    public bool UplinkIsImplied { get; init; }

    /// <summary>What vmdq mode does.</summary>
    public VmdqOptions Vmdq { get; init; } = new();

    /// <summary>The processors that poll, one thread each, ascending. At least one, all of them present.</summary>
    public required IReadOnlyList<int> PollCores { get; init; }

    /// <summary>The processors that the program runs on and does not poll on, for the control thread; empty where every one polls.</summary>
    public required IReadOnlyList<int> ControlCores { get; init; }

    /// <summary>The processor of DPDK's main core, which forwards nothing in testpmd; in the switch it polls like every other.</summary>
    public int MainCore { get; init; }

    /// <summary>What a poll thread does when no frame arrives.</summary>
    public IdlePolicy Idle { get; init; } = IdlePolicy.Adaptive;

    /// <summary>What to do when a guest has no buffer left; no tries with <c>--rx-retry 0</c>.</summary>
    public RetryPolicy Retry { get; init; } = RetryPolicy.Default;

    /// <summary>True to offer receive buffers that a frame may span, and with them frames of more than 1518 bytes.</summary>
    public bool MergeableBuffers { get; init; }

    /// <summary>True to offer checksums left to the switch. Always true with <see cref="SegmentationOffload"/>.</summary>
    public bool ChecksumOffload { get; init; }

    /// <summary>True to offer postcopy migration, and memory in one table in place of slots.</summary>
    public bool Postcopy { get; init; }

    /// <summary>True to offer segments larger than a frame.</summary>
    public bool SegmentationOffload { get; init; }

    /// <summary>The seconds between two statistics screens; 0 for none.</summary>
    public int StatisticsPeriodSeconds { get; init; }

    /// <summary>DPDK's name for this process among others; names the control socket here.</summary>
    public string FilePrefix { get; init; } = DefaultFilePrefix;

    /// <summary>Where the control socket is made; null for the default place, which <see cref="Unixctl.ControlSocketPath"/> knows.</summary>
    public string? ControlSocket { get; init; }

    /// <summary>The switch's own memory.</summary>
    public MemoryOptions Memory { get; init; } = MemoryOptions.Default;

    /// <summary>Which lines are printed.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Info;
}
