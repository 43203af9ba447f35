namespace VhostSwitch.TestKit.Host;

/// <summary>What this process holds of the kernel, to see whether an attack left something behind.</summary>
public static class ProcessResources
{
    /// <summary>
    /// How many descriptors are open, without those of regular files that have a name: the runtime opens its own libraries
    /// whenever it first needs them, and keeps them.
    /// </summary>
    public static int OpenDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Count(IsNoLibrary);

    /// <summary>
    /// How many descriptors are open when those that nobody holds any more are closed: what to compare with later. Not for the
    /// comparison itself, where a descriptor that only the collector closes is a leak.
    /// </summary>
    public static int OpenDescriptorsAtStart()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return OpenDescriptors();
    }

    /// <summary>How many mappings there are of memory files whose name contains a text.</summary>
    /// <param name="name">The text.</param>
    public static int MappingsOf(string name) => File.ReadLines("/proc/self/maps").Count(line => line.Contains(name, StringComparison.Ordinal));

    /// <summary>
    /// How many bytes of addresses the mappings of shared memory files have together, without the runtime's own: its libraries, which
    /// it maps whenever it first needs them, and what it compiles.
    /// </summary>
    public static long SharedBytes()
    {
        long bytes = 0;
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            // "7f00-7f80 rw-s 00000000 00:01 1043  /memfd:name (deleted)"
            string[] fields = line.Split(' ', 3);
            if (fields[1][3] != 's' || !line.Contains("/memfd:", StringComparison.Ordinal)) continue;
            if (line.Contains("doublemapper", StringComparison.Ordinal)) continue;
            string[] range = fields[0].Split('-');
            bytes += Convert.ToInt64(range[1], 16) - Convert.ToInt64(range[0], 16);
        }
        return bytes;
    }

    private static bool IsNoLibrary(string fd)
    {
        try
        {
            return File.ResolveLinkTarget(fd, returnFinalTarget: false)?.FullName.EndsWith(".dll", StringComparison.Ordinal) != true;
        }
        catch (IOException)
        {
            // Closed since it was listed: the listing's own descriptor.
            return false;
        }
    }
}
