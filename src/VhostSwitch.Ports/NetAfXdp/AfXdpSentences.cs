using VhostSwitch.Linux;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>What the user is told when an interface cannot be used: what, why, what to do.</summary>
internal static class AfXdpSentences
{
    /// <summary>A library is missing; null where none is.</summary>
    /// <param name="loads">True for the name of a library that can be loaded; null to ask the system.</param>
    public static string? OfMissingLibrary(Func<string, bool>? loads = null) => XdpLibraries.Missing(loads) is { } library
        ? $"{library} cannot be loaded; install libxdp1 (Debian, Ubuntu) or libxdp (Fedora)"
        : null;

    /// <summary>There is no such interface.</summary>
    /// <param name="name">The name that was given.</param>
    public static string OfMissingInterface(string name) => $"there is no interface {name}; there are {string.Join(", ", InterfaceControl.Names())}";

    /// <summary>The kernel refused something.</summary>
    /// <param name="e">What it said.</param>
    /// <param name="name">The interface.</param>
    public static string Of(LinuxException e, string name) => e.Errno switch
    {
        Errno.EPERM or Errno.EACCES =>
            $"{e.Message}: AF_XDP needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF; "
                + "start the switch as root, or with setpriv or systemd's AmbientCapabilities and these three",
        Errno.EBUSY or Errno.EEXIST =>
            $"{e.Message}: another program has {name} or this queue of it; "
                + $"end it, or take an XDP program of nobody away with ip link set dev {name} xdp off",
        Errno.ENOBUFS => $"{e.Message}: more memory would be locked than the process may; raise the limit (ulimit -l unlimited) or add CAP_IPC_LOCK",
        Errno.EINVAL => $"{e.Message}: has {name} so many queues? ethtool -l {name} shows them",
        Errno.EOPNOTSUPP => $"{e.Message}: {name} cannot do this; try mode=auto, and without force_copy",
        _ => e.Message,
    };
}
