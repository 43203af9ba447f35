using System.Globalization;
using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Program;

/// <summary>What there is of the huge pages that the command line asks for.</summary>
internal static class HugePages
{
    private const string Pools = "/sys/kernel/mm/hugepages";

    /// <summary>One line where less is free than <c>--socket-mem</c> or <c>-m</c> asks for; null where it is enough or nothing was asked for.</summary>
    /// <param name="memory">What was asked for.</param>
    public static string? Shortage(MemoryOptions memory)
    {
        if (!memory.UseHugePages || memory.TotalMiB == 0) return null;
        long free = FreeMiB();
        return free >= memory.TotalMiB
            ? null
            : $"{memory.TotalMiB} MiB of huge pages were asked for and {free} MiB are free: the switch uses normal pages (to reserve some: echo {memory.TotalMiB / 2} > {Pools}/hugepages-2048kB/nr_hugepages)";
    }

    private static long FreeMiB()
    {
        if (!Directory.Exists(Pools)) return 0;
        long kib = 0;
        foreach (string pool in Directory.GetDirectories(Pools))
        {
            // Named hugepages-<size>kB.
            long size = long.Parse(Path.GetFileName(pool)["hugepages-".Length..^"kB".Length], CultureInfo.InvariantCulture);
            kib += size * long.Parse(File.ReadAllText(Path.Combine(pool, "free_hugepages")), CultureInfo.InvariantCulture);
        }
        return kib / 1024;
    }
}
