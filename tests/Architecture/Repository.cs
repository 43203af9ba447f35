using System.Runtime.CompilerServices;

namespace VhostSwitch.Architecture;

/// <summary>The tree this test was built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Source => Path.Combine(Root, "src");

    /// <summary>The source files of the product.</summary>
    public static IEnumerable<string> SourceFiles => Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories);

    /// <summary>A path as it reads in a message.</summary>
    public static string Name(string path) => Path.GetRelativePath(Root, path);

    // From the program where it runs inside the tree, else from where this file was compiled.
    private static string Find([CallerFilePath] string here = "") =>
        Up(AppContext.BaseDirectory) ?? Up(Path.GetDirectoryName(here)!) ?? throw new InvalidOperationException("VhostSwitch.slnx is nowhere above this program");

    private static string? Up(string? from)
    {
        while (from is not null && !File.Exists(Path.Combine(from, "VhostSwitch.slnx")))
            from = Path.GetDirectoryName(from);
        return from;
    }
}
