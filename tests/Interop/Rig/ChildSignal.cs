using System.Runtime.InteropServices;

namespace VhostSwitch.Interop.Rig;

/// <summary>The signals that tests send, by their numbers on Linux.</summary>
internal enum ChildSignal
{
    Interrupt = 2,
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}

internal static partial class ChildSignals
{
    public static void Send(int pid, ChildSignal signal) => _ = kill(pid, (int)signal);

    [LibraryImport("libc")]
    private static partial int kill(int pid, int signal);
}
