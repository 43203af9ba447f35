namespace VhostSwitch.Bench.Paths;

/// <summary>The machine in a line.</summary>
internal static class Machine
{
    public static string Describe()
    {
        string model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
        string kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Split('-')[0].Trim();
        bool isVirtual = File.ReadLines("/proc/cpuinfo").Any(l => l.StartsWith("flags", StringComparison.Ordinal) && l.Contains(" hypervisor", StringComparison.Ordinal));
        return $"{Environment.ProcessorCount} {(isVirtual ? "virtual " : "")}cores of {model}, Linux {kernel}, .NET {Environment.Version}";
    }
}
