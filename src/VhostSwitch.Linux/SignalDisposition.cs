namespace VhostSwitch.Linux;

/// <summary>What the process inherited for signals.</summary>
public static unsafe class SignalDisposition
{
    /// <summary>
    /// Takes back that SIGINT is ignored, as shells arrange for what they start in the background. The runtime would leave it
    /// so, and a script that ends the switch with SIGINT, as it would end DPDK's programs, would wait for ever. Call it first of
    /// all: once the runtime has looked at the signal it does not look again.
    /// </summary>
    public static void HearInterrupt()
    {
        const int SIGINT = 2;
        const nint SIG_DFL = 0, SIG_IGN = 1;
        // The structure's first field is the handler; it is not longer than this on any architecture of the C library.
        nint* action = stackalloc nint[64];
        if (Libc.sigaction(SIGINT, null, action) == 0 && action[0] == SIG_IGN) _ = Libc.signal(SIGINT, SIG_DFL);
    }
}
