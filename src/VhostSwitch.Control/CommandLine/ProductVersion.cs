using System.Reflection;

namespace VhostSwitch.Control.CommandLine;

/// <summary>The version of this build.</summary>
public static class ProductVersion
{
    /// <summary>The version alone, for example <c>0.1.0</c>: without the commit that the compiler appends.</summary>
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>The program's name and version, as <c>--version</c> prints them.</summary>
    public static string Line => $"vhost-switch (VhostSwitch) {Text}";
}
