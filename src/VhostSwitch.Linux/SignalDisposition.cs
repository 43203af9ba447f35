namespace VhostSwitch.Linux;

/// <summary>What the process inherited for signals.</summary>
public static class SignalDisposition
{
    /// <summary>
    /// Takes back that SIGINT is ignored, as shells arrange for what they start in the background. The runtime would leave it
    /// so, and a script that ends the switch with SIGINT, as it would end DPDK's programs, would wait for ever. Call it before
    /// a handler is registered.
    /// </summary>
    public static void HearInterrupt()
    {
        const int SIGINT = 2;
        const nint SIG_DFL = 0;
        _ = Libc.signal(SIGINT, SIG_DFL);
    }
}
