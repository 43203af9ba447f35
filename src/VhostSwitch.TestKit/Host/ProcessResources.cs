namespace VhostSwitch.TestKit.Host;

/// <summary>What this process holds of the kernel, to see whether an attack left something behind.</summary>
public static class ProcessResources
{
    /// <summary>How many descriptors are open.</summary>
    public static int OpenDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    /// <summary>How many mappings there are of memory files whose name contains a text.</summary>
    /// <param name="name">The text.</param>
    public static int MappingsOf(string name) => File.ReadLines("/proc/self/maps").Count(line => line.Contains(name, StringComparison.Ordinal));
}
