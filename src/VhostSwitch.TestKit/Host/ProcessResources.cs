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
