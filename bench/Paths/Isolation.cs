using System.Globalization;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// Keeps everyone on this machine off a core who does not insist on it, as the kernel does from its start when told <c>isolcpus=</c>: threads of other
/// programs, of this one, and those of the kernel that it lets move. A switch's poll thread insists. Ends with where they were before.
/// </summary>
internal sealed class Isolation : IDisposable
{
    private readonly int _core;
    private readonly Dictionary<int, int[]> _moved = [];
    private readonly PosixSignalRegistration[] _ends;

    /// <summary>Moves them.</summary>
    /// <param name="core">The core.</param>
    public Isolation(int core)
    {
        _core = core;
        foreach (string process in Directory.GetDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            foreach (int thread in ThreadsOf(process))
                Move(thread);
        }
        // Who interrupts the measurement finds the machine as it was.
        _ends = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, _ => MoveBack()))];
    }

    public void Dispose()
    {
        foreach (var end in _ends)
            end.Dispose();
        MoveBack();
    }

    private void MoveBack()
    {
        // One that has ended meanwhile, or was moved by its owner, is where it is.
        foreach (var (thread, cores) in _moved)
        {
            if (CpuAffinity.Of(thread) is { } now && !now.Contains(_core)) CpuAffinity.TryPin(thread, cores);
        }
    }

    private void Move(int thread)
    {
        if (CpuAffinity.Of(thread) is not { Length: > 1 } cores || !cores.Contains(_core)) return;
        // The kernel refuses for its threads that belong to a core.
        if (CpuAffinity.TryPin(thread, [.. cores.Where(core => core != _core)])) _moved[thread] = cores;
    }

    private static int[] ThreadsOf(string process)
    {
        try
        {
            return [.. Directory.GetDirectories(Path.Combine(process, "task")).Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))];
        }
        catch (DirectoryNotFoundException)
        {
            // It has ended.
            return [];
        }
    }
}
