namespace VhostSwitch.Interop.Rig;

/// <summary>
/// How long the rig waits for what others do. Generous: a limit that is reached is a failure, a condition that comes true
/// ends the wait at once, so that long limits cost nothing on a fast machine.
/// </summary>
internal static class Limits
{
    /// <summary>How many times longer everything takes where the tests themselves run on an emulated processor.</summary>
    private static readonly int Slowness = int.Parse(Environment.GetEnvironmentVariable("VHOSTSWITCH_SLOWNESS") ?? "1");

    /// <summary>A program on this host says or does something that takes it well under a second.</summary>
    public static readonly TimeSpan Step = Slowness * TimeSpan.FromSeconds(20);

    /// <summary>A DPDK program starts: memory, drivers, ports.</summary>
    public static readonly TimeSpan DpdkStart = Slowness * TimeSpan.FromSeconds(60);

    /// <summary>An emulated guest boots: 4 s alone on a quiet machine, several times that beside two polling programs.</summary>
    public static readonly TimeSpan GuestBoot = Slowness * TimeSpan.FromSeconds(120);

    /// <summary>A guest runs a short command.</summary>
    public static readonly TimeSpan GuestCommand = Slowness * TimeSpan.FromSeconds(60);

    /// <summary>The guest image is downloaded and built on a fresh machine.</summary>
    public static readonly TimeSpan ImageBuild = Slowness * TimeSpan.FromMinutes(5);
}
